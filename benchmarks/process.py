"""Servers under test: started on their core, waited for, and ended with all their children."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import SERVER_CORE

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
START_SECONDS = 120
STOP_SECONDS = 10


class DidNotStart(Exception):
    """The server ended or stayed silent; the message is the end of its log."""


@dataclass(frozen=True)
class Server:
    """`pid` is the root of the tree whose cost counts."""

    pid: int
    port: int
    log: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextmanager
def running(
    command: Sequence[str],
    *,
    port: int,
    env: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    core: int = SERVER_CORE,
) -> Iterator[Server]:
    """A server that listens on `port`, pinned to `core`."""
    handle, name = tempfile.mkstemp(prefix="chatsite-benchmark-", suffix=".log")
    log = Path(name)
    with os.fdopen(handle, "wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_for(port, process, log)
        yield Server(process.pid, port, log)
    finally:
        _stop(process)
        log.unlink()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise DidNotStart(log.read_text(errors="replace")[-2000:])


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # The second for whatever of the group has outlived its leader.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
