"""What is on its way to one socket: in order, and bounded.

Two ways out, with the same order and the same end: SendOutbox through ASGI's `send`, on any server,
and WriterOutbox straight to the transport, where the server offers its writer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import structlog

logger = structlog.get_logger(__name__)

# A reader that leaves this much unread is slow, and is given so long to fall below the low mark.
# At the limit it is not waited for. In bytes and seconds.
HIGH_MARK = 256 * 1024
LOW_MARK = 64 * 1024
LIMIT = 1024 * 1024
GRACE = 10.0

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Frames(Protocol):
    """One frame or several of one group: a Packet or a Batch."""

    @property
    def texts(self) -> Sequence[str]:
        """Each frame's JSON, for ASGI's `send`."""

    @property
    def wire(self) -> bytes:
        """All of them as they go over the wire."""


class Writer(Protocol):
    """What the server offers in the scope."""

    transport: Any

    def send(self, frames: Frames) -> None: ...


class Outbox(Protocol):
    closed: bool  # nothing more is taken; what was taken before may still be on its way

    def write(self, frames: Frames) -> None: ...

    def drop(self) -> None:
        """Forget what is queued, for a reader that is too slow for it."""

    def close(self, code: int) -> None:
        """Close the socket after what is queued."""

    def stop(self) -> None:
        """The connection is gone."""


class SendOutbox:
    """Writes through ASGI's `send`, one frame after the other.

    `on_slow` is called once, when the client has been reading too slowly for too long. Only what
    the server has not taken yet is counted: how much that is depends on the server.
    """

    def __init__(self, send: Send, *, on_slow: Callable[[], None]) -> None:
        self._send = send
        self._queue: deque[str] = deque()
        self._size = 0
        self._drain: asyncio.Task[None] | None = None
        self._close: dict[str, Any] | None = None
        self._patience = Patience(lambda: self._size < LOW_MARK, on_slow)
        self.closed = False

    def write(self, frames: Frames) -> None:
        if self.closed:
            return
        for text in frames.texts:
            self._queue.append(text)
            self._size += len(text)
        if self._size > HIGH_MARK:
            self._patience.strain(self._size)
        self._start()

    def drop(self) -> None:
        self._queue.clear()

    def close(self, code: int) -> None:
        if self.closed:
            return
        self.closed = True
        # A plain int: autobahn refuses an IntEnum.
        self._close = {"type": "websocket.close", "code": int(code)}
        self._start()

    def stop(self) -> None:
        self.closed = True
        self._queue.clear()
        self._patience.end()
        if self._drain:
            self._drain.cancel()

    def _start(self) -> None:
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._queue:
                text = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": text})
                self._size -= len(text)
            if self._close:
                await self._send(self._close)
        except Exception as error:  # noqa: BLE001 - servers differ in what they raise when it is gone
            logger.info("write_failed", error=repr(error))
            self.closed = True
            self._queue.clear()
        finally:
            self._drain = None


class WriterOutbox:
    """Writes to the server's transport at once; only the close goes through ASGI."""

    def __init__(self, writer: Writer, send: Send, *, on_slow: Callable[[], None]) -> None:
        self._writer = writer
        self._send = send
        self._patience = Patience(lambda: writer.transport.caught_up, on_slow)
        writer.transport.on_backlog = self._patience.strain
        self._closing: asyncio.Task[None] | None = None
        self.closed = False

    def write(self, frames: Frames) -> None:
        if not self.closed:
            self._writer.send(frames)

    def drop(self) -> None:
        self._writer.transport.drop_queued()

    def close(self, code: int) -> None:
        if not self.closed:
            self.closed = True
            self._closing = asyncio.get_running_loop().create_task(self._say_close(int(code)))

    def stop(self) -> None:
        self.closed = True
        self._patience.end()

    async def _say_close(self, code: int) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code})
        except Exception as error:  # noqa: BLE001 - servers differ in what they raise when it is gone
            logger.info("close_failed", error=repr(error))


class Patience:
    """GRACE seconds for a slow reader to catch up, from the first sign of it.

    `on_slow` is called from the event loop, not from within `strain`.
    """

    __slots__ = ("_caught_up", "_lost", "_on_slow", "_verdict")

    def __init__(self, caught_up: Callable[[], bool], on_slow: Callable[[], None]) -> None:
        self._caught_up = caught_up
        self._on_slow = on_slow
        self._lost = False
        self._verdict: asyncio.TimerHandle | None = None

    def strain(self, size: int) -> None:
        """So many bytes wait, more than HIGH_MARK."""
        if self._verdict is None:
            self._verdict = asyncio.get_running_loop().call_later(GRACE, self._judge)
        if size > LIMIT and not self._lost:
            self._lost = True
            self._verdict.cancel()
            self._verdict = asyncio.get_running_loop().call_later(0, self._judge)

    def end(self) -> None:
        if self._verdict is not None:
            self._verdict.cancel()

    def _judge(self) -> None:
        self._verdict = None
        if not self._caught_up():
            self._on_slow()
