"""A TCP or Unix transport that tries `send` at once.

Twisted's `write` queues the bytes and asks the reactor to call back when the socket is writable: an
epoll change, another turn of the loop and a copy for each frame and socket. The kernel's buffer is
nearly always empty, so the bytes might as well go now.
"""

from collections.abc import Callable
from typing import Any

from realtime.outbox import HIGH_MARK, LOW_MARK


class WriteThrough:
    """Mixed in before a Twisted stream transport."""

    # Called with `backlog` at each write that leaves more than HIGH_MARK.
    on_backlog: Callable[[int], None] | None = None

    connected: bool
    disconnecting: bool
    # Twisted's names
    dataBuffer: bytes  # noqa: N815
    offset: int
    _tempDataBuffer: list[bytes]  # noqa: N815
    _tempDataLen: int  # noqa: N815
    socket: Any

    def write(self, data: bytes) -> None:
        if not self._tempDataBuffer and not self.dataBuffer and self.connected and data:
            if self.disconnecting:
                return
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                sent = 0  # Twisted meets the same error at its own write, and tells the protocol
            if sent == len(data):
                return
            data = data[sent:]
        super().write(data)  # type: ignore[misc]  # of the transport that this is mixed into
        if self.on_backlog is not None and (backlog := self.backlog) > HIGH_MARK:
            self.on_backlog(backlog)

    @property
    def backlog(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return len(self.dataBuffer) - self.offset + self._tempDataLen

    @property
    def caught_up(self) -> bool:
        return self.backlog < LOW_MARK

    def drop_queued(self) -> None:
        """Forget the writes that have not begun. Each was of whole frames, so none is cut."""
        self._tempDataBuffer.clear()
        self._tempDataLen = 0


def write_through(transport: type) -> type:
    """The transport class of a listening port, writing through."""
    return type(f"WriteThrough{transport.__name__}", (WriteThrough, transport), {})
