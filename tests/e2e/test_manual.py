"""The programs that the manual prints, run as they stand against a real server."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from soak.services import eventually
from tests.e2e.client import call, guest
from tests.e2e.conftest import Served
from tests.e2e.workers import ROOT, Site, Worker

ADDRESS = "127.0.0.1:8000"
PATIENCE = 60.0


def program(document: str, language: str) -> str:
    """The last one in that language."""
    text = (ROOT / document).read_text()
    return str(re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)[-1])


class Running:
    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self.process = process
        self.output = output

    @property
    def said(self) -> str:
        return self.output.read_text()

    def says(self, text: str, *, times: int = 1) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.said
            return self.said.count(text) >= times

        eventually(said, within=PATIENCE, what=f"{text} from {self.said}")

    def type(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()


@contextmanager
def running(output: Path, *command: str) -> Iterator[Running]:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    with output.open("wb") as file:
        process = subprocess.Popen(  # noqa: S603 - our own manual
            command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, env=environment
        )
        try:
            yield Running(process, output)
        finally:
            process.kill()
            process.communicate()


async def test_the_python_client_says_a_thing_once_and_resumes_after_a_restart(
    own_site: Site, serve: Callable[..., Served], tmp_path: Path
) -> None:
    worker = Worker(own_site, "manual")
    serve(worker)
    source = program("docs/protocol.md", "python")
    address = f"127.0.0.1:{worker.port}"
    with running(tmp_path / "out", sys.executable, "-c", source, address, "Ahoy") as client:
        client.says("'type': 'sent'")
        worker.stop()
        worker.restart()
        client.says("'type': 'welcome'", times=2)
        ann = await guest(worker, "Ann")
        path, body = "/api/rooms/general/messages/", {"text": "After", "client_id": "1"}
        assert (await call(worker, "POST", path, token=ann.access, **body)).status == 201
        client.says("'text': 'After'")
        assert client.said.count("'text': 'Ahoy'") == 1
        assert client.said.count("'type': 'sent'") == 1


def test_the_python_client_of_the_front_page_runs(small: Served, tmp_path: Path) -> None:
    source = program("README.md", "python").replace(ADDRESS, f"127.0.0.1:{small.first.port}")
    with running(tmp_path / "out", sys.executable, "-uc", source) as client:
        client.says('"type":"sent"')


def test_the_shell_lines_open_a_socket_to_type_into(small: Served, tmp_path: Path) -> None:
    source = program("docs/protocol.md", "sh").replace(ADDRESS, f"127.0.0.1:{small.first.port}")
    with running(tmp_path / "out", "sh", "-c", source) as client:
        client.says('"type":"welcome"')
        client.type('{"type": "ping", "ref": "typed"}')
        client.says('"ref":"typed"')
