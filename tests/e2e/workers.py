"""The site as people start it by hand: daphne, or runserver where the site is one person's."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from soak import workers
from soak.workers import FATAL, HTTP_TIMEOUT, ROOT, Answer, Entry

__all__ = ["FATAL", "HTTP_TIMEOUT", "ROOT", "Answer", "Entry", "Site", "Uvicorn", "Worker"]

HANDSHAKE = "60"  # seconds, as our own server has it: after daphne's 5 a crowd is dropped
PREPARE = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("demo")
"""


class Site(workers.Site):
    """With the demo rooms and accounts."""

    def __init__(
        self, directory: Path, *, database_url: str, redis_url: str = "", **limits: str
    ) -> None:
        super().__init__(
            directory, database_url=database_url, redis_url=redis_url, DEBUG="on", **limits
        )

    def copied_to(self, directory: Path, *, redis_url: str = "") -> "Site":
        """Another site with what this one's SQLite file has, whoever is writing to it."""
        source, copy = self.database_url.removeprefix("sqlite:///"), directory / "db.sqlite3"
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
        return Site(directory, database_url=f"sqlite:///{copy}", redis_url=redis_url)

    def prepare(self) -> None:
        """Make the tables and the demo accounts."""
        self.run(sys.executable, "-c", PREPARE)


class Worker(workers.Worker):
    def __init__(
        self, site: workers.Site, name: str, *, runserver: bool = False, fault: str = ""
    ) -> None:
        """`fault`: see soak.faulty."""
        super().__init__(site, name, fault=fault)
        self.runserver = runserver

    @property
    def command(self) -> list[str]:
        if self.runserver:
            return [sys.executable, "manage.py", "runserver", "--noreload", str(self.port)]
        application = "soak.faulty" if self.fault else "chatsite.asgi"
        return [
            sys.executable, "-m", "daphne", "-b", "127.0.0.1", "-p", str(self.port),
            "--websocket_connect_timeout", HANDSHAKE,
            f"{application}:application",
        ]  # fmt: skip


class Uvicorn(Worker):
    @property
    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "--port", str(self.port), "--lifespan", "off",
            "--no-access-log", "chatsite.asgi:application",
        ]  # fmt: skip
