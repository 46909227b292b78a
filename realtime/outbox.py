"""What waits to be written to one socket, in order and bounded."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from realtime.packet import Packet

logger = structlog.get_logger(__name__)

# A reader that leaves this much unread is slow, and is given so long to fall below the low mark.
HIGH_MARK = 256 * 1024
LOW_MARK = 64 * 1024
GRACE = 10.0

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbox:
    """Writes packets through ASGI's `send`, one after the other.

    `on_slow` is called once, when the client has been reading too slowly for too long. Sizes are
    in bytes. Only what the server has not taken yet is counted: how much that is depends on the
    server.
    """

    def __init__(self, send: Send, *, on_slow: Callable[[], None]) -> None:
        self._send = send
        self._on_slow = on_slow
        self._queue: deque[Packet] = deque()
        self._bytes = 0
        self._drain: asyncio.Task[None] | None = None
        self._verdict: asyncio.TimerHandle | None = None
        self._close: dict[str, Any] | None = None
        self.closed = False

    def write(self, packet: Packet) -> None:
        if self.closed or self._close:
            return
        self._queue.append(packet)
        self._bytes += len(packet.payload)
        if self._bytes > HIGH_MARK and self._verdict is None:
            self._verdict = asyncio.get_running_loop().call_later(GRACE, self._judge)
        self._start()

    def close(self, code: int, *, drop: bool = False) -> None:
        """Close the socket after what is queued, or at once (`drop`)."""
        if self.closed or self._close:
            return
        if drop:
            self._queue.clear()
        # A plain int: autobahn refuses an IntEnum.
        self._close = {"type": "websocket.close", "code": int(code)}
        self._start()

    def stop(self) -> None:
        """The connection is gone."""
        self.closed = True
        self._queue.clear()
        if self._verdict:
            self._verdict.cancel()
        if self._drain:
            self._drain.cancel()

    def _start(self) -> None:
        if self._drain is None:
            self._drain = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._queue:
                packet = self._queue.popleft()
                await self._send({"type": "websocket.send", "text": packet.text})
                self._bytes -= len(packet.payload)
            if self._close:
                self.closed = True
                await self._send(self._close)
        except Exception as error:  # noqa: BLE001 - servers differ in what they raise when it is gone
            logger.info("write_failed", error=repr(error))
            self.closed = True
            self._queue.clear()
        finally:
            self._drain = None

    def _judge(self) -> None:
        self._verdict = None
        if self._bytes >= LOW_MARK and not self.closed:
            self._on_slow()
