"""The site as its users start it: workers of the real server over a database and, maybe, Redis."""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg

from tests.e2e.services import Service

ROOT = Path(__file__).resolve().parents[2]
HTTP_TIMEOUT = 20.0
PREPARE = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("demo")
"""
FATAL = "this message is the last one"  # what triggers the faults of tests.e2e.faulty

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


class Site:
    """One database, and the workers that serve it."""

    def __init__(self, directory: Path, *, database_url: str, redis_url: str = "") -> None:
        self.directory = directory
        self.database_url = database_url
        self.alone = not redis_url  # one worker only
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "for the tests on this machine alone, and for nothing else",
            "DEBUG": "on",
            "DJANGO_SETTINGS_MODULE": "chatsite.settings",
            "PYTHONUNBUFFERED": "1",
        }

    def prepare(self) -> None:
        """Make the tables and the demo accounts."""
        done = subprocess.run(  # noqa: S603 - commands of this package only
            [sys.executable, "-c", PREPARE],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def log(self, room: str) -> list[Entry]:
        rows = self._select(
            "SELECT seq, kind, client_id, payload FROM chat_event"
            " WHERE room_id = (SELECT id FROM chat_room WHERE slug = ?) ORDER BY seq",
            room,
        )
        return [
            Entry(seq, kind, client_id, json.loads(text)) for seq, kind, client_id, text in rows
        ]

    def _select(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        if self.database_url.startswith("postgres"):
            with psycopg.connect(self.database_url) as connection:
                return connection.execute(query.replace("?", "%s").encode(), parameters).fetchall()
        with closing(sqlite3.connect(self.database_url.removeprefix("sqlite:///"))) as file:
            return file.execute(query, parameters).fetchall()


class Worker(Service):
    """A server process: daphne, or runserver where the site is one person's."""

    def __init__(self, site: Site, name: str, *, runserver: bool = False, fault: str = "") -> None:
        """`fault`: see tests.e2e.faulty."""
        super().__init__(name, site.directory)
        self.site = site
        self.fault = fault
        self.runserver = runserver
        self.http = f"http://127.0.0.1:{self.port}"
        self.ws = f"ws://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        if self.runserver:
            return [sys.executable, "manage.py", "runserver", "--noreload", str(self.port)]
        application = "tests.e2e.faulty" if self.fault else "chatsite.asgi"
        return [
            sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port),
            f"{application}:application",
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return {**self.site.environment, "E2E_FAULT": self.fault}

    def restart(self, *, fault: str = "") -> None:
        """On the same port, as a supervisor would."""
        self.fault = fault
        self.start()

    def answers(self) -> bool:
        return self.says("/readyz")

    def says(self, path: str) -> bool:
        """Whether a health endpoint answers that all is well."""
        try:
            return self.call("GET", path).status == 200
        except OSError:
            return False

    def call(self, method: str, path: str, *, token: str = "", **body: Any) -> Answer:
        """Blocking. `body` goes as JSON."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - http on loopback
            self.http + path,
            method=method,
            headers=headers,
            data=json.dumps(body).encode() if body or method != "GET" else None,
        )
        try:
            with _opener.open(request, timeout=HTTP_TIMEOUT) as response:
                return Answer(response.status, json.load(response))
        except urllib.error.HTTPError as error:
            return Answer(error.code, json.load(error))
