"""A TCP or Unix transport that tries `send` at once.

Twisted's `write` queues the bytes and asks the reactor to call back when the socket is writable: an
epoll change, another turn of the loop and a copy for each frame and socket. The kernel's buffer is
nearly always empty, so the bytes might as well go now.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from realtime.outbox import HIGH_MARK, LOW_MARK, Frames


class WriteThrough:
    """Mixed in before a Twisted stream transport."""

    # Called with `backlog` at each write that leaves more than HIGH_MARK.
    on_backlog: Callable[[int], None] | None = None
    writer: "SocketWriter | None" = None

    connected: bool
    # Twisted's names
    dataBuffer: bytes  # noqa: N815
    offset: int
    _tempDataBuffer: list[bytes]  # noqa: N815
    _tempDataLen: int  # noqa: N815
    socket: Any
    startWriting: Callable[[], None]  # noqa: N815

    def write(self, data: bytes) -> None:
        sent = 0
        if not (self.dataBuffer or self._tempDataBuffer) and self.connected:
            with suppress(OSError):  # it is full, or Twisted meets the same at its own write
                sent = self.socket.send(data)
        if sent < len(data):
            self.queue(data, sent=sent)

    def queue(self, data: bytes, *, sent: int) -> None:
        """Write when the kernel has room again. Of what is begun, the rest cannot be dropped."""
        if sent:
            self.dataBuffer, self.offset = data, sent
            self.startWriting()
        else:
            super().write(data)  # type: ignore[misc]  # of the transport that this is mixed into
        if self.writer is not None:
            self.writer.clear = False
        if self.on_backlog is not None and (backlog := self.backlog) > HIGH_MARK:
            self.on_backlog(backlog)

    def doWrite(self) -> Any:  # noqa: N802 - Twisted's name
        result = super().doWrite()  # type: ignore[misc]
        if self.writer is not None and not self.backlog:
            self.writer.clear = True
        return result

    @property
    def backlog(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    @property
    def caught_up(self) -> bool:
        return self.backlog < LOW_MARK

    def drop_queued(self) -> None:
        """Forget the writes that have not begun: each was of whole frames, so none is cut."""
        self._tempDataBuffer.clear()
        self._tempDataLen = 0


def write_through(transport: type) -> type:
    """The transport class of a listening port, writing through."""
    return type(f"WriteThrough{transport.__name__}", (WriteThrough, transport), {})


class SocketWriter:
    """Writes ready frames to the transport; offered to the consumer in the ASGI scope.

    `open` from the handshake to the first close frame, of either side; `clear` while the transport
    has nothing queued. A flush touches little more of a socket than this: with thousands of them,
    what it touches is in no cache.
    """

    __slots__ = ("_send", "clear", "open", "transport")

    def __init__(self, transport: WriteThrough) -> None:
        self.transport = transport
        self._send = transport.socket.send
        self.clear = not transport.backlog
        self.open = False
        transport.writer = self

    def send(self, frames: Frames) -> None:
        if not self.open:
            return
        data = frames.wire
        if not self.clear:
            self.transport.write(data)
            return
        try:
            sent = self._send(data)
        except OSError:  # as WriteThrough has it
            sent = 0
        if sent != len(data):
            self.transport.queue(data, sent=sent)
