"""The site as its users start it: a database, maybe Redis, and workers of `manage.py serve`."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg

from soak.machine import cpu_seconds, private_kib, tree
from soak.services import Service

ROOT = Path(__file__).resolve().parents[1]
HTTP_TIMEOUT = 20.0
SECRET_KEY = "for processes on this machine alone, and for nothing else"  # noqa: S105 - as it says
# One address and a few people are a crowd here; what is about limits sets its own.
UNLIMITED = {
    f"LIMIT_{name}": "0"
    for name in (
        "SOCKETS_PER_USER",
        "SOCKETS_PER_ADDRESS",
        "HANDSHAKES_PER_SECOND",
        "FRAMES_PER_SECOND",
        "MESSAGES_PER_SECOND",
        "API_PER_SECOND",
        "LOGINS_PER_MINUTE",
        "GUESTS_PER_MINUTE",
    )
}
FATAL = "this message is the last one"  # what triggers the faults of soak.faulty
ACTED = "soak.faulty:"  # begins the line that each of them writes when it strikes

# Loopback is asked directly, whatever proxy the environment names.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer(NamedTuple):
    status: int
    body: Any


class Entry(NamedTuple):
    """One row of a room's log, read past all of the site's own code."""

    seq: int
    kind: str
    client_id: str | None
    frame: dict[str, Any]


class Door:
    """Where a site is reached, over HTTP and WebSocket."""

    def __init__(self, http: str) -> None:
        self.http = http.rstrip("/")

    @property
    def opener(self) -> urllib.request.OpenerDirector:
        return _opener

    @property
    def ws(self) -> str:
        return "ws" + self.http.removeprefix("http")

    @property
    def peer(self) -> tuple[str, int, bool]:
        """Host, port, and whether TLS is spoken there."""
        url = urlsplit(self.http)
        secure = url.scheme == "https"
        return url.hostname or "", url.port or (443 if secure else 80), secure

    def says(self, path: str) -> bool:
        """Whether a health endpoint answers that all is well."""
        try:
            return self.call("GET", path).status == 200
        except OSError:
            return False

    def call(self, method: str, path: str, *, token: str = "", **body: Any) -> Answer:
        """Blocking. `body` goes as JSON. Raises OSError."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - http, as the caller named it
            self.http + path,
            method=method,
            headers=headers,
            data=json.dumps(body).encode() if body or method != "GET" else None,
        )
        try:
            with self.opener.open(request, timeout=HTTP_TIMEOUT) as response:
                text = response.read()
                return Answer(response.status, json.loads(text) if text else None)
        except (HTTPException, ValueError) as error:  # it died over its answer
            raise OSError(f"{method} {path}: {error!r}") from error
        except urllib.error.HTTPError as error:
            with suppress(HTTPException, ValueError):
                return Answer(error.code, json.load(error))
            return Answer(error.code, None)


class Site:
    """One database, and the workers that serve it."""

    def __init__(
        self, directory: Path, *, database_url: str, redis_url: str = "", **environment: str
    ) -> None:
        self.directory = directory
        self.database_url = database_url
        self.alone = not redis_url  # one worker only
        self.environment = {
            **os.environ,
            **UNLIMITED,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": SECRET_KEY,
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }

    def manage(self, *words: str, **environment: str) -> str:
        return self.run(sys.executable, "manage.py", *words, **environment)

    def run(self, *command: str, **environment: str) -> str:
        """What a command says that is run as the site's keeper would. Raises RuntimeError."""
        done = subprocess.run(  # noqa: S603 - commands of this project only
            command,
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def log(self, room: str) -> list[Entry]:
        rows = self.select(
            "SELECT seq, kind, client_id, payload FROM chat_event"
            " WHERE room_id = (SELECT id FROM chat_room WHERE slug = ?) ORDER BY seq",
            room,
        )
        return [
            Entry(seq, kind, client_id, json.loads(text)) for seq, kind, client_id, text in rows
        ]

    def select(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        if self.database_url.startswith("postgres"):
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(query.replace("?", "%s").encode(), parameters).fetchall()
        with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"))) as file:
            return file.execute(query, parameters).fetchall()


class Worker(Service, Door):
    """One worker of the real server, behind its own master, on a port of its own.

    The master starts a worker again that dies, as in production.
    """

    address = "127.0.0.1"

    def __init__(self, site: Site, name: str, *, fault: str = "") -> None:
        """`fault`: see soak.faulty."""
        Service.__init__(self, name, site.directory)
        self.site = site
        self.fault = fault
        Door.__init__(self, f"http://{self.address}:{self.port}")

    @property
    def command(self) -> list[str]:
        bind = f"{self.address}:{self.port}"
        return [sys.executable, "manage.py", "serve", "--bind", bind, "--workers", "1"]

    @property
    def environment(self) -> dict[str, str]:
        broken = {"SOAK_FAULT": self.fault} if self.fault else {}
        return self.site.environment | broken

    @property
    def workers(self) -> list[int]:
        """The pids under the master."""
        assert self._process is not None
        return tree(self._process.pid)[1:]

    @property
    def memory_kib(self) -> int:
        return private_kib(self._process.pid) if self._process else 0

    @property
    def cpu_seconds(self) -> float:
        return cpu_seconds(self._process.pid) if self._process else 0.0

    def signal_workers(self, number: signal.Signals) -> None:
        for pid in self.workers:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def reload(self) -> None:
        """Ask the master for another worker in the place of this one."""
        self._send(signal.SIGHUP)

    def kill(self) -> None:
        """All of it at once, as when a machine fails."""
        pids = self.workers
        super().kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def restart(self, *, fault: str = "") -> None:
        """On the same port, as a supervisor would."""
        self.fault = fault
        self.start()

    def answers(self) -> bool:
        return self.says("/readyz")

    def serves(self) -> bool:
        """By a process that lives; where the master died too, it is not asked."""
        return self.alive and bool(self.workers) and self.answers()
