"""The reader that stops reading, and what is said of how it was closed."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.figures.slow_reader import closed

pytest.importorskip("picows", reason="of requirements-bench.txt")

from benchmarks.load import slow
from benchmarks.load.slow import PONG, Sleeper, Watch

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(60)
        yield listening


def let_in(server: socket.socket) -> tuple[Sleeper, socket.socket]:
    """A sleeper, and the server's end of its socket, from which the request has been read."""
    ends: list[socket.socket] = []

    def accept() -> None:
        end, _ = server.accept()
        end.settimeout(60)
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += end.recv(4096)
        end.sendall(SWITCHING)
        ends.append(end)

    accepting = threading.Thread(target=accept)
    accepting.start()
    sleeper = Sleeper(f"ws://127.0.0.1:{server.getsockname()[1]}/ws/chat/room/", "token")
    accepting.join(60)
    return sleeper, ends[0]


def test_the_sleeper_is_heard_of_while_it_does_not_read(
    server: socket.socket, monkeypatch: Any
) -> None:
    monkeypatch.setattr(slow, "HEARD_SECONDS", 0)
    sleeper, end = let_in(server)
    watch = Watch(sleeper, pid=0)

    assert watch.goes_on()
    assert end.recv(len(PONG)) == PONG

    end.close()
    assert not watch.goes_on()
    assert watch.closed_after is not None
    sleeper.close()


def test_a_sleeper_that_was_closed_is_heard_of_without_an_error(server: socket.socket) -> None:
    sleeper, end = let_in(server)
    end.close()

    for _ in range(3):
        sleeper.be_heard()

    sleeper.close()


IN_TIME = {"closed_after": 9.9, "for_slowness": True}


def test_a_close_for_slowness_in_time_passes() -> None:
    assert closed([IN_TIME, IN_TIME]).verdict == "pass"


@pytest.mark.parametrize(
    ("seconds", "for_slowness"), [(9.9, False), (None, True), (None, False), (12.1, True)]
)
def test_a_close_for_another_reason_or_too_late_or_never_is_a_miss(
    seconds: float | None, *, for_slowness: bool
) -> None:
    bad = {"closed_after": seconds, "for_slowness": for_slowness}

    assert closed([bad]).verdict == "MISS"
    if seconds != 12.1:
        assert closed([IN_TIME, bad, IN_TIME]).verdict == "MISS"
