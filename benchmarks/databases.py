"""A PostgreSQL cluster of its own, with fsync, as in production; it is gone afterwards."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.process import START_SECONDS, running
from soak.machine import free_port

USER = "postgres"


class NoPostgres(Exception):
    """It is not installed here."""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database."""
    programs = _programs()
    with tempfile.TemporaryDirectory(prefix="chatsite-postgres-") as name:
        directory = Path(name)
        if _as_user():
            shutil.chown(directory, USER)
        data = directory / "data"
        _call([*_as_user(), str(programs / "initdb"), "-D", str(data), "-U", USER, "-A", "trust"])
        port = free_port()
        command = [*_as_user(), str(programs / "postgres"), "-D", str(data), "-p", str(port)]
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={name}"]
        command += ["-c", "fsync=on", "-c", "synchronous_commit=on"]
        with running(command, port=port, cwd=directory):
            _wait_for(programs, port)
            _call([*_as_user(), str(programs / "createdb"), *_to(port), "chatsite"])
            yield f"postgres://{USER}@127.0.0.1:{port}/chatsite"


def _wait_for(programs: Path, port: int) -> None:
    """It listens before it takes anybody in."""
    ready = [str(programs / "pg_isready"), "-q", *_to(port)]
    deadline = time.monotonic() + START_SECONDS
    while subprocess.run(ready, check=False, timeout=START_SECONDS).returncode:
        if time.monotonic() > deadline:
            raise NoPostgres("postgresql did not become ready")
        time.sleep(0.1)


def _to(port: int) -> list[str]:
    return ["-h", "127.0.0.1", "-p", str(port), "-U", USER]


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    path = str(found[-1]) if found else shutil.which("postgres")
    if path is None:
        raise NoPostgres("postgresql is not installed")
    return Path(path).parent


def _as_user() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if _root() else []


def _root() -> bool:
    return os.geteuid() == 0


def _call(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/")
