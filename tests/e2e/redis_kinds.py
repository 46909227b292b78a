"""Redis as REDIS_URL may name it: with a password, over TLS, watched by a Sentinel."""

import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from soak.services import RedisServer, Service, program

PASSWORD = "pass, word/@"
QUOTED = "pass%2C%20word%2F%40"
SERVICE = "chat"


class GuardedRedis(RedisServer):
    def make_url(self) -> str:
        return f"redis://:{QUOTED}@127.0.0.1:{self.port}/1"

    @property
    def options(self) -> list[str]:
        return ["--requirepass", PASSWORD]


class TlsRedis(RedisServer):
    """Speaks TLS only, with a certificate that no authority but the test's own file vouches for."""

    def __init__(self, directory: Path) -> None:
        self.certificate, self._key = self_signed(directory)
        super().__init__(directory)

    def make_url(self) -> str:
        return f"rediss://127.0.0.1:{self.port}/0?ssl_ca_certs={self.certificate}"

    @property
    def options(self) -> list[str]:
        return [
            "--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no",
            "--tls-cert-file", str(self.certificate), "--tls-key-file", str(self._key),
            "--tls-ca-cert-file", str(self.certificate),
        ]  # fmt: skip


class Replica(RedisServer):
    def __init__(self, directory: Path, *, of: RedisServer) -> None:
        self._of = of
        super().__init__(directory)

    @property
    def options(self) -> list[str]:
        return ["--replicaof", "127.0.0.1", str(self._of.port), "--repl-diskless-sync-delay", "0"]

    @property
    def follows(self) -> bool:
        return self.client.info("replication").get("master_link_status") == "up"


class Sentinel(Service):
    """One, whose word is enough: it calls a Redis dead that is silent for two seconds."""

    def __init__(self, directory: Path, *, master: RedisServer) -> None:
        super().__init__("sentinel", directory)
        self._file = directory / f"sentinel-{self.port}.conf"
        self._file.write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 1\n"
            f"sentinel down-after-milliseconds {SERVICE} 2000\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        self.url = f"redis+sentinel://127.0.0.1:{self.port}/{SERVICE}/0"
        self._client = Redis(port=self.port, socket_timeout=10, socket_connect_timeout=10)

    @property
    def command(self) -> list[str]:
        return [program("redis-server"), str(self._file), "--sentinel"]

    def answers(self) -> bool:
        try:
            return bool(self._client.ping())
        except RedisError:
            return False

    @property
    def knows_a_replica(self) -> bool:
        found = self._client.execute_command("SENTINEL", "REPLICAS", SERVICE)
        return bool(found) and "slave" in str(found)

    @property
    def master_port(self) -> int:
        return int(self._client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])


def self_signed(directory: Path, *, name: str = "localhost") -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    command = [
        program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
        "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
        "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1",
        "-out", str(certificate), "-keyout", str(key),
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=60)  # noqa: S603 - ours
    return certificate, key
