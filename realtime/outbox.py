"""What is on its way to one socket: in order, and bounded.

Two ways out, with the same order and the same end: SendOutbox through ASGI's `send`, on any server,
and WriterOutbox straight to the transport, where the server offers its writer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import structlog

from realtime.conf import conf

logger = structlog.get_logger(__name__)

# A reader that leaves this much unread is slow, and is given so long to fall below the low mark.
# At the limit it is not waited for. In bytes and seconds.
HIGH_MARK = conf.HIGH_MARK
LOW_MARK = conf.LOW_MARK
LIMIT = conf.OUTBOX_LIMIT
GRACE = conf.SLOW_GRACE
POLL = conf.OUTBOX_POLL
FAREWELL = conf.SLOW_FAREWELL  # seconds for a reader that is given up to see why

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Frames(Protocol):
    """One frame or several of one group: a Packet, a Batch, or a Binary frame of the echo."""

    @property
    def texts(self) -> Sequence[str | bytes]:
        """Each frame's JSON, or its bytes if it is binary, for ASGI's `send`."""

    @property
    def wire(self) -> bytes:
        """All of them as they go over the wire."""


class Writer(Protocol):
    """What the server offers in the scope. Takes frames while `open`."""

    transport: Any
    open: bool

    def send(self, frames: Frames) -> None: ...


class Outbox(Protocol):
    closed: bool  # nothing more is taken; what was taken before may still be on its way
    stuck: bool  # it was given up, and the server waits for it all the same

    @property
    def backlog(self) -> int:
        """What was written and waits: bytes, or of text that goes through `send` characters."""

    def write(self, frames: Frames) -> None: ...

    async def caught_up(self) -> None:
        """Return when little of what was written waits. Raises TimeoutError after GRACE."""

    def give_up(self) -> None:
        """Of a reader that is too slow: forget what is queued, and end it soon, closed or not."""

    def close(self, code: int) -> None:
        """Close the socket after what is queued."""

    def stop(self) -> None:
        """The connection is gone."""


class SendOutbox:
    """Writes through ASGI's `send`, one frame after the other.

    `on_slow` is called once, when the client has been reading too slowly for too long, and
    `on_stuck` when it was given up and the server still waits for it. Only what the server has not
    taken yet is counted: how much that is depends on the server.
    """

    def __init__(
        self,
        send: Send,
        *,
        on_slow: Callable[[], None],
        on_stuck: Callable[[], object],
        log: Callable[..., Any] = logger.info,
    ) -> None:
        self._send = send
        self._on_stuck = on_stuck
        self.stuck = False
        self._log = log
        self._queue: deque[str | bytes] = deque()
        self._size = 0
        self._drain: asyncio.Task[None] | None = None
        self._close: dict[str, Any] | None = None
        self._farewell: asyncio.TimerHandle | None = None
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

    async def caught_up(self) -> None:
        async with asyncio.timeout(GRACE):
            while self._size >= LOW_MARK and self._drain is not None:  # noqa: ASYNC110 - rare
                await asyncio.sleep(POLL)

    @property
    def backlog(self) -> int:
        return self._size

    def give_up(self) -> None:
        self._queue.clear()
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL, self._give_up)

    def _give_up(self) -> None:
        if self._drain is not None:
            self.stuck = True
            self.stop()
            self._on_stuck()

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
        self._log = logger.info  # not the consumer's any more: the two would hold each other
        if self._farewell:
            self._farewell.cancel()
        if self._drain:
            self._drain.cancel()

    def _start(self) -> None:
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._queue:
                text = self._queue.popleft()
                kind = "text" if isinstance(text, str) else "bytes"
                await self._send({"type": "websocket.send", kind: text})
                self._size -= len(text)
            if self._close:
                await self._send(self._close)
        except Exception as error:  # noqa: BLE001 - servers differ in what they raise when it is gone
            self._log("write_failed", error=repr(error))
            self.closed = True
            self._queue.clear()
        finally:
            self._drain = None


class WriterOutbox:
    """Writes to the server's transport at once; only the close goes through ASGI."""

    stuck = False

    def __init__(
        self,
        writer: Writer,
        send: Send,
        *,
        on_slow: Callable[[], None],
        log: Callable[..., Any] = logger.info,
    ) -> None:
        self._writer = writer
        self._send = send
        self._log = log
        self._patience = Patience(lambda: writer.transport.caught_up, on_slow)
        writer.transport.on_backlog = self._patience.strain
        self._closing: asyncio.Task[None] | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self.closed = False
        self.write = writer.send  # with nothing in between: it is called for every delivery

    async def caught_up(self) -> None:
        async with asyncio.timeout(GRACE):
            while not self._writer.transport.caught_up:  # noqa: ASYNC110 - Twisted's own queue
                await asyncio.sleep(POLL)

    @property
    def backlog(self) -> int:
        return int(self._writer.transport.backlog)

    def give_up(self) -> None:
        self._writer.transport.drop_queued()
        abort = self._writer.transport.abortConnection
        self._farewell = asyncio.get_running_loop().call_later(FAREWELL, abort)

    def close(self, code: int) -> None:
        if not self.closed:
            self.closed, self._writer.open = True, False
            self._closing = asyncio.get_running_loop().create_task(self._say_close(int(code)))

    def stop(self) -> None:
        self.closed, self._writer.open = True, False
        self._patience.end()
        self._log = logger.info  # as SendOutbox has it
        if self._farewell:
            self._farewell.cancel()

    async def _say_close(self, code: int) -> None:
        try:
            await self._send({"type": "websocket.close", "code": code})
        except Exception as error:  # noqa: BLE001 - servers differ in what they raise when it is gone
            self._log("close_failed", error=repr(error))
            self._writer.transport.abortConnection()  # rather than open and mute


def outbox_for(
    scope: dict[str, Any], send: Send, *, on_slow: Callable[[], None], log: Callable[..., Any]
) -> Outbox:
    """The best way out that the server offers to the consumer whose task this is."""
    if writer := scope.get("extensions", {}).get("realtime.writer"):
        return WriterOutbox(writer, send, on_slow=on_slow, log=log)
    task = asyncio.current_task()
    assert task is not None
    return SendOutbox(send, on_slow=on_slow, on_stuck=task.cancel, log=log)


class Patience:
    """GRACE seconds for a slow reader to catch up, from the first sign of it.

    `on_slow` is called from the event loop, not from within `strain`.
    """

    __slots__ = ("_caught_up", "_lost", "_on_slow", "_verdict")

    def __init__(self, caught_up: Callable[[], bool], on_slow: Callable[[], object]) -> None:
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
        # Who was to be asked and told holds this in turn: see realtime.server.garbage.
        self._caught_up = self._on_slow = lambda: True

    def _judge(self) -> None:
        self._verdict = None
        if not self._caught_up():
            self._on_slow()
