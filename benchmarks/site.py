"""Our site in production mode, with its own database, rooms and people."""

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.process import PYTHON, ROOT, Server, running
from soak.machine import free_port
from soak.workers import UNLIMITED

TOKENS = "tokens.json"


@dataclass
class Site:
    """A database with people in it. `serve()` may be called again and again."""

    directory: Path
    env: dict[str, str]
    tokens: list[str] = field(default_factory=list)

    def serve(self, *, workers: int = 1, **env: str) -> AbstractContextManager[Server]:
        port = free_port()
        return running(_command(port, workers), port=port, env={**self.env, **env})

    def run(self, *arguments: str, **env: str) -> str:
        """Run Python in the site's environment; raises with what it printed."""
        done = subprocess.run(
            [PYTHON, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.env, **env},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}"[-3000:])
        return done.stdout

    def seed(self, **spec: Any) -> None:
        """See benchmarks.seed."""
        self.tokens = json.loads(self.run("-m", "benchmarks.seed", json.dumps(spec)))

    def url(self, server: Server, room: str) -> str:
        return f"ws://{server.host}/ws/chat/{room}/"


@contextmanager
def site(
    *, database: str | None = None, redis: str = "", pages: bool = False, **spec: Any
) -> Iterator[Site]:
    """A migrated site; `spec` is what to seed it with, `database` a URL other than SQLite's.

    `pages`: its pages are asked for too, and not its sockets alone.
    """
    with tempfile.TemporaryDirectory(prefix="chatsite-benchmark-") as name:
        directory = Path(name)
        one = Site(
            directory,
            {
                **UNLIMITED,
                "REALTIME_MAX_SOCKETS": "0",
                "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
                "SECRET_KEY": secrets.token_urlsafe(50),
                "HTTPS": "off",
                "DATABASE_URL": database or f"sqlite:///{directory / 'db.sqlite3'}",
                "REDIS_URL": redis,
                "BENCHMARK_STATIC": str(directory / "static"),
                "BENCHMARK_PAGES": "on" if pages else "",
            },
        )
        one.run("manage.py", "migrate", "--verbosity", "0")
        one.seed(**spec)
        yield one


def _command(port: int, workers: int) -> list[str]:
    bind = f"127.0.0.1:{port}"
    return [PYTHON, "manage.py", "serve", "--bind", bind, "--workers", str(workers)]
