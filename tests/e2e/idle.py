"""Sockets that nobody touches, kept open by a thread of their own while other tests run."""

import asyncio
import threading
import time
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from tests.e2e.client import Visitor, guest, raw
from tests.e2e.workers import Worker

ROOM = "general"
LONG = 60.0  # seconds
BEGIN = 60.0  # seconds
SIGNED_IN = 900.0 - BEGIN  # seconds: the token by which they came in is good for no more


class IdleSockets:
    """A room and a notification socket on each worker. Nothing is sent and nothing is asked."""

    def __init__(self, workers: list[Worker]) -> None:
        self._workers = workers
        self._begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()), daemon=True)
        self.closed: list[str] = []
        self.since = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._begun.wait(BEGIN)
        self.since = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def _hold(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        async with AsyncExitStack() as stack:
            for worker in self._workers:
                visitor = await guest(worker, "Idle")
                for path in (f"/ws/chat/{ROOM}/", "/ws/notifications/"):
                    await self._open(stack, worker, path, visitor)
            self._begun.set()
            await self._over.wait()

    async def _open(
        self, stack: AsyncExitStack, worker: Worker, path: str, visitor: Visitor
    ) -> None:
        connection = await stack.enter_async_context(
            raw(worker, path, token=visitor.access, ping_interval=None)
        )
        await connection.recv()  # the welcome
        watch = asyncio.create_task(connection.wait_closed())
        watch.add_done_callback(lambda _: self._note(f"{path} at {worker.name}"))
        stack.push_async_callback(self._ended, watch)

    async def _ended(self, watch: "asyncio.Task[None]") -> None:
        watch.cancel()

    def _note(self, name: str) -> None:
        if not self._over.is_set() and time.monotonic() - self.since <= SIGNED_IN:
            self.closed.append(name)
