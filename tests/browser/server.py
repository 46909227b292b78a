"""A server process of its own for browser tests: they do no ORM in their own thread."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from soak.workers import UNLIMITED

ROOT = Path(__file__).resolve().parents[2]
START_S = 120
STOP_S = 30
MANAGE_S = 600
ANSWER_S = 10
# What the machine's own environment says must not reach the site under test.
_OURS = ("SECRET_KEY", "DEBUG", "REDIS_URL", "HTTPS", "ALLOWED_HOSTS", "DJANGO_SETTINGS_MODULE")


class Server:
    """`manage.py runserver` on a free port and a database of its own, in `folder`."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = _free_port()
        self.log = folder / "server.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in _OURS},
            **UNLIMITED,
            "DATABASE_URL": f"sqlite:///{folder / 'db.sqlite3'}",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage("demo")

    def manage(self, *arguments: str) -> None:
        subprocess.run(timeout=MANAGE_S, check=True, **self._command(*arguments))

    def start(self) -> None:
        """Returns when the site can serve."""
        command = self._command("runserver", "--noreload", f"127.0.0.1:{self.port}")
        self._process = subprocess.Popen(start_new_session=True, **command)
        deadline = time.monotonic() + START_S
        while not self._is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The server did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """As a crash would: nothing is said, nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None

    def _command(self, *arguments: str) -> dict[str, Any]:
        return {
            "args": [sys.executable, "manage.py", *arguments],
            "cwd": ROOT,
            "env": self._environment,
            "stdout": self.log.open("ab"),
            "stderr": subprocess.STDOUT,
        }

    def _is_ready(self) -> bool:
        try:
            with urlopen(f"{self.address}/readyz", timeout=ANSWER_S) as answer:  # noqa: S310 - our own
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
