"""Posts that wait for the database together share one transaction."""

import asyncio
import time
from collections import deque

from django.conf import settings

from chat.actions import post_messages
from chat.posting import Post
from realtime import database, metrics
from realtime.consumer import DATABASE_AWAY
from realtime.per_loop import PerLoop

BATCH = 64  # posts per transaction, at most


class PostQueue:
    """With nothing waiting a post goes at once.

    A batch that fails is posted one by one, so that one bad post fails alone. While the database is
    away all fail at once: to wait for it in turn would take the last of them minutes.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[Post, asyncio.Future[None]]] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._batch = int(getattr(settings, "CHAT_POST_BATCH", BATCH))

    async def put(self, post: Post) -> None:
        """Return when the post is stored; raise what the database or the rules raise."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((post, done))
        arrived = time.perf_counter()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        await done
        metrics.post_seconds.observe(time.perf_counter() - arrived)

    async def _work(self) -> None:
        try:
            while self._waiting:
                size = min(self._batch, len(self._waiting))
                await self._post([self._waiting.popleft() for _ in range(size)])
        finally:
            self._worker = None

    async def _post(self, batch: list[tuple[Post, asyncio.Future[None]]]) -> None:
        try:
            await database.run(post_messages, [post for post, _ in batch])
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            if len(batch) == 1 or isinstance(error, DATABASE_AWAY):
                for _, done in batch:
                    _settle(done, error)
            else:
                for one in batch:
                    await self._post([one])
        else:
            for _, done in batch:
                _settle(done, None)


def _settle(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.done():  # whoever waited is gone
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


post_queues = PerLoop(PostQueue)
