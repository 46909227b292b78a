"""300 MB sent by somebody who shows no credential."""

import socket
import threading
import time
from collections.abc import Iterator
from statistics import median

from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most
from benchmarks.process import Server
from benchmarks.site import site
from soak.machine import private_kib

SIZE = 300_000_000
GROWN_MB = 20
CHUNK = b"x" * 65_536
POLL_SECONDS = 0.02


def run(options: Options, told: Told) -> Outcome:
    outcome = Outcome(runs=options.runs)
    with site() as one:
        for what, headers, chunked in (
            ("with Content-Length", f"Content-Length: {SIZE}", False),
            ("chunked", "Transfer-Encoding: chunked", True),
        ):
            answers, growths = [], []
            for turn in range(options.runs):
                told(f"{what}, run {turn + 1} of {options.runs}")
                with one.serve() as server:
                    status, grown = _post(server, headers, chunked=chunked)
                answers.append(status)
                growths.append(grown / 1000)
            outcome.figures += judged(what, answers, growths)
    return outcome


def judged(what: str, answers: list[str], growths: list[float]) -> list[Figure]:
    """All answers must be 413; `growths` in MB."""
    answered = " or ".join(sorted(set(answers)))
    return [
        Figure(f"answer to 300 MB {what}", answered, "413", met=answered == "413"),
        at_most(f"growth of the process, {what}", median(growths), GROWN_MB, unit="MB"),
    ]


def _post(server: Server, headers: str, *, chunked: bool) -> tuple[str, int]:
    """The status and the growth in KiB."""
    _request(server, "Content-Length: 1", iter([b"x"]))  # imports and caches are not the body's
    before = peak = private_kib(server.pid)
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(POLL_SECONDS):
            peak = max(peak, private_kib(server.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        status = _request(server, headers, _body(chunked=chunked))
        time.sleep(0.5)
    finally:
        done.set()
        watcher.join()
    return status, peak - before


def _body(*, chunked: bool) -> Iterator[bytes]:
    for _ in range(SIZE // len(CHUNK)):
        yield b"%x\r\n%b\r\n" % (len(CHUNK), CHUNK) if chunked else CHUNK
    yield b"0\r\n\r\n" if chunked else CHUNK[: SIZE % len(CHUNK)]


def _request(server: Server, headers: str, body: Iterator[bytes]) -> str:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(
            f"POST /api/orders/ HTTP/1.1\r\nHost: {server.host}\r\n"
            f"Content-Type: application/json\r\n{headers}\r\n\r\n".encode()
        )
        try:
            for piece in body:
                connection.sendall(piece)
        except OSError:  # it was told to stop, which is what we ask for
            pass
        try:
            answer = connection.recv(4096).decode("latin-1")
        except OSError as error:
            return f"none ({type(error).__name__})"
    return answer.split(" ")[1] if answer.startswith("HTTP/") else "none"
