"""What runs beside a soak or a test: processes on loopback, each ended by its own pid."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from soak.machine import free_port

START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
POLL = 0.02
DURABILITY = ("fsync", "synchronous_commit", "full_page_writes")
COUNTING = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track_utility": "off",
}

# All that were started, for the report of a test that fails.
started: list["Service"] = []


class Missing(Exception):
    """What is needed is not there: a program, or a site that lets people in."""


class Service(ABC):
    """A process that can be started again after it died, on the same port."""

    stop_signal = signal.SIGTERM

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.port = free_port()
        self.log = directory / f"{name}-{self.port}.log"
        self.log.touch()
        self._marked = 0
        self._process: subprocess.Popen[bytes] | None = None
        started.append(self)

    @property
    @abstractmethod
    def command(self) -> list[str]: ...

    @property
    def environment(self) -> dict[str, str] | None:
        return None

    @property
    def passed(self) -> tuple[int, ...]:
        """The descriptors that it inherits."""
        return ()

    @abstractmethod
    def answers(self) -> bool:
        """Whether it can be used."""

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def memory_kib(self) -> int:
        """What the process holds of its own, files apart."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1])

    def start(self) -> None:
        self.launch()
        self.await_answer()

    def launch(self) -> None:
        assert not self.alive
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - commands of this package only
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                pass_fds=self.passed,
            )

    def await_answer(self) -> None:
        eventually(self._is_up, within=START_TIMEOUT, what=f"{self.name} to answer")

    def _is_up(self) -> bool:
        if not self.alive:
            raise RuntimeError(f"{self.name} ended at its start:\n{self.logged()}")
        return self.answers()

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        if self.alive:
            self._send(signal.SIGCONT)
            self._send(self.stop_signal)
            try:
                self.ended(within=STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self.ended(within=STOP_TIMEOUT)

    def freeze(self) -> None:
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def ended(self, *, within: float) -> int:
        """Wait for its end; the exit code, or minus the signal."""
        assert self._process is not None
        return self._process.wait(within)

    def _send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    # --- its log ---

    def mark(self) -> None:
        """What is logged from here on is of interest."""
        self._marked = self.log.stat().st_size

    def logged(self) -> str:
        """What was logged since the mark."""
        with self.log.open("rb") as log:
            log.seek(self._marked)
            return log.read().decode(errors="replace")


class RedisServer(Service):
    """Keeps nothing on disk, but for what a replica is sent, which lies beside the log."""

    def __init__(self, directory: Path) -> None:
        super().__init__("redis", directory)
        self.url = self.make_url()
        self.client = Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)

    def make_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def command(self) -> list[str]:
        return [
            program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", str(self.log.parent), *self.options,
        ]  # fmt: skip

    @property
    def options(self) -> list[str]:
        return []

    def answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


class PostgresServer(Service):
    """A cluster in a directory of its own. As root it runs as another user, for it refuses root."""

    stop_signal = signal.SIGINT  # do not wait for clients

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        """Not `durable` is faster, and loses what a crash of the machine would."""
        super().__init__("postgres", directory)
        self._durable = durable
        # Not under pytest's own directories, which only their owner may enter.
        self.home = Path(tempfile.mkdtemp(prefix="chatsite-pg-"))
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            self._as_user = [
                program("setpriv"), "--reuid=postgres", "--regid=postgres", "--init-groups",
            ]  # fmt: skip
        self._own(self.home)
        self._initialise()

    @property
    def command(self) -> list[str]:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.home,
            **dict.fromkeys(DURABILITY, "on" if self._durable else "off"),
            **(COUNTING if self._counts else {}),
        }
        settings = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
        return [*self._as_user, postgres_program("postgres"), "-D", str(self._data), *settings]

    def answers(self) -> bool:
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        return f"postgres://chatsite@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, at: Path | None = None) -> str:
        """`at`: an empty directory for its tables, within `home`."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if at is not None:
                self._own(at)
                connection.execute(f"CREATE TABLESPACE \"{name}\" LOCATION '{at}'".encode())
            where = f' TABLESPACE "{name}"' if at else ""
            connection.execute(f'CREATE DATABASE "{name}"{where}'.encode())
        return self.url(name)

    def statements(self, database: str) -> int | None:
        """How many were run in it so far, BEGIN and COMMIT left out. None if it cannot tell."""
        if not self._counts:
            return None
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            row = connection.execute(
                "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements"
                " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s)",
                (database,),
            ).fetchone()
        return row[0] if row else None

    @property
    def _counts(self) -> bool:
        libraries = Path(postgres_program("postgres")).parent.parent / "lib"
        return (libraries / "pg_stat_statements.so").exists()

    def remove(self) -> None:
        shutil.rmtree(self.home)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def _own(self, directory: Path) -> None:
        if self._as_user:
            shutil.chown(directory, "postgres", "postgres")

    def _initialise(self) -> None:
        options = ["--username=chatsite", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(  # noqa: S603 - as above
            [*self._as_user, postgres_program("initdb"), "-D", str(self._data), *options],
            check=True,
            capture_output=True,
            cwd=self.home,
            timeout=60,
        )


@contextmanager
def running(*services: Service) -> Iterator[None]:
    """Start them side by side, and end those that are still alive."""
    try:
        for service in services:
            service.launch()
        for service in services:
            service.await_answer()
        yield
    finally:
        for service in services:
            service.stop()


def program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} is not installed; `make system` does it on Debian")
    return path


def postgres_program(name: str) -> str:
    """Debian keeps PostgreSQL's programs outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(found[-1]) if found else program(name)


def eventually(check: Callable[[], bool], *, within: float, what: str) -> None:
    """Ask until it is so: for what lies in another process and sends no event."""
    deadline = time.monotonic() + within
    while not check():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {within} s for {what}")
        time.sleep(POLL)
