"""The transport that writes at once, over a kernel that takes what it is told to."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import abstract

from realtime.outbox import HIGH_MARK
from realtime.packet import Packet
from realtime.server.transport import SocketWriter, write_through


class Kernel:
    """Has `room` for so many bytes."""

    def __init__(self) -> None:
        self.room = 10**9
        self.taken = b""

    def send(self, data: bytes) -> int:
        if not self.room:
            raise BlockingIOError
        part = data[: self.room]
        self.room -= len(part)
        self.taken += part
        return len(part)


class Reactor:
    """Calls `doWrite` when the test says so."""

    def addWriter(self, writer: Any) -> None:  # noqa: N802 - Twisted's name
        pass

    def removeWriter(self, writer: Any) -> None:  # noqa: N802 - Twisted's name
        pass


class Connection(abstract.FileDescriptor):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__(reactor=Reactor())
        self.socket = Kernel()
        self.connected = 1

    def writeSomeData(self, data: bytes) -> int:  # noqa: N802 - Twisted's name
        try:
            return self.socket.send(data)
        except BlockingIOError:
            return 0


def connection() -> tuple[Any, Kernel, SocketWriter]:
    transport = write_through(Connection)()
    writer = SocketWriter(transport)
    writer.open = True
    return transport, transport.socket, writer


def frame(number: int, size: int = 100) -> Packet:
    return Packet(b"%d" % number + b"x" * size)


def test_what_the_kernel_takes_is_written_at_once() -> None:
    _, kernel, writer = connection()
    writer.send(frame(1))
    assert kernel.taken == frame(1).wire


def test_what_is_queued_goes_before_what_comes_later() -> None:
    transport, kernel, writer = connection()
    kernel.room = 50
    writer.send(frame(1))
    kernel.room = 10**9
    writer.send(frame(2))
    transport.write(b"a ping")
    assert kernel.taken == frame(1).wire[:50]
    transport.doWrite()
    transport.doWrite()
    writer.send(frame(3))
    assert kernel.taken == frame(1).wire + frame(2).wire + b"a ping" + frame(3).wire


def test_a_frame_that_is_begun_is_not_cut_when_the_queue_is_dropped() -> None:
    transport, kernel, writer = connection()
    kernel.room = 50
    for number in range(3):
        writer.send(frame(number))
    transport.drop_queued()
    transport.write(b"closing")
    kernel.room = 10**9
    transport.doWrite()
    transport.doWrite()
    assert kernel.taken == frame(0).wire + b"closing"
    assert transport.backlog == 0


def test_nothing_is_written_once_the_socket_is_closing() -> None:
    _, kernel, writer = connection()
    writer.open = False
    writer.send(frame(1))
    assert kernel.taken == b""


@pytest.mark.parametrize("size", [HIGH_MARK // 2, HIGH_MARK + 1])
def test_a_backlog_above_the_mark_is_told(size: int) -> None:
    transport, kernel, writer = connection()
    told: list[int] = []
    transport.on_backlog = told.append
    kernel.room = 10
    writer.send(frame(1, size))
    assert told == ([transport.backlog] if size > HIGH_MARK else [])


_steps = st.lists(
    st.tuples(
        st.sampled_from(["send", "write", "turn", "drop"]), st.integers(0, 400), st.integers(1, 300)
    ),
    max_size=40,
)


@given(_steps)
def test_whatever_the_kernel_takes_frames_come_whole_and_in_order(
    steps: list[tuple[str, int, int]],
) -> None:
    transport, kernel, writer = connection()
    for number, (step, room, size) in enumerate(steps):
        kernel.room = room
        if step == "send":
            writer.send(frame(number, size))
        elif step == "write":
            transport.write(frame(number, size).wire)
        elif step == "drop":
            transport.drop_queued()
        else:
            transport.doWrite()
    kernel.room = 10**9
    for _ in range(3):
        transport.doWrite()
    rest, sent = (
        kernel.taken,
        [frame(n, s).wire for n, (step, _, s) in enumerate(steps) if step in {"send", "write"}],
    )
    for wire in sent:
        rest = rest.removeprefix(wire)
    assert rest == b""
    assert writer.clear
