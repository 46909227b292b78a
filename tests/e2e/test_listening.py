"""Where `manage.py serve` listens: on what it is given, as a service manager or a proxy would."""

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.asyncio.client import unix_connect

from soak.services import running
from tests.e2e.client import PATIENCE
from tests.e2e.workers import Site, Worker

START = 60.0  # seconds: Python, and Django in it


class Given(Worker):
    """Gets a socket that listens already, and that nobody else closes."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "given")
        self.listener = socket.create_server(("127.0.0.1", self.port))

    @property
    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "serve", "--fd", str(self.listener.fileno())]

    def launch(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - of this package only
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                pass_fds=[self.listener.fileno()],
            )


class OnUnixSocket(Worker):
    def __init__(self, site: Site, path: Path) -> None:
        super().__init__(site, "unix")
        self.path = path

    @property
    def command(self) -> list[str]:
        return [sys.executable, "manage.py", "serve", "--bind", f"unix:{self.path}"]

    def says(self, path: str) -> bool:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        try:
            connection.sock.connect(str(self.path))
            connection.request("GET", path)
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def test_it_serves_on_a_socket_that_it_was_given_and_leaves_it_open(small_site: Site) -> None:
    worker = Given(small_site)
    with worker.listener:
        with running(worker):
            assert worker.call("POST", "/api/guest/", name="Ann").status == 201
        assert worker.ended(within=1) == 0
        # Whoever gave it may give it to the next one: who connects meanwhile waits and is served.
        with socket.create_connection(("127.0.0.1", worker.port)) as waiting:
            waiting.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with running(worker):
                waiting.settimeout(PATIENCE)
                assert waiting.recv(64).startswith(b"HTTP/1.1 200 ")


async def test_it_serves_http_and_sockets_on_a_unix_socket_and_removes_it(
    small_site: Site, tmp_path: Path
) -> None:
    worker = OnUnixSocket(small_site, tmp_path / "site")
    with running(worker):
        assert worker.says("/healthz")
        async with unix_connect(
            str(worker.path), "ws://localhost/ws/echo/", open_timeout=PATIENCE
        ) as connection:
            welcome = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
            await connection.send("hello")
            answer = await asyncio.wait_for(connection.recv(), PATIENCE)
            assert answer == f"Echo from {welcome['connection_id']}: hello"
    assert not worker.path.exists()


def test_a_descriptor_that_is_no_socket_is_refused_with_its_number(small_site: Site) -> None:
    worker = Given(small_site)
    with worker.listener, Path(os.devnull).open() as file:
        os.dup2(file.fileno(), worker.listener.fileno())
        worker.launch()
        assert worker.ended(within=START) != 0
        assert f"--fd {worker.listener.fileno()} is not a socket" in worker.logged()
        assert "Traceback" not in worker.logged()


def test_a_port_that_is_taken_is_refused_by_its_number(small_site: Site) -> None:
    taken = Given(small_site)
    with taken.listener:
        process = subprocess.Popen(  # noqa: S603 - of this package only
            [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{taken.port}"],
            env=taken.environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            _, said = process.communicate(timeout=START)
        finally:
            process.send_signal(signal.SIGKILL)
        assert process.returncode not in (0, -signal.SIGKILL)
        assert str(taken.port) in said


@pytest.mark.parametrize("workers", ["0", "-1"])
def test_fewer_than_one_worker_is_refused(small_site: Site, workers: str) -> None:
    done = subprocess.run(  # noqa: S603 - of this package only
        [sys.executable, "manage.py", "serve", "--workers", workers],
        env=small_site.environment,
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )
    assert done.returncode != 0
    assert "--workers" in done.stderr
