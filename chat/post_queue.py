"""Posts that wait for the database together share one transaction."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TypeVar

import structlog

from chat.actions import announce, store_messages
from chat.conf import conf
from chat.posting import Waiting
from chat.room_log import RoomBusy
from realtime import database, metrics
from realtime.conf import conf as engine
from realtime.database import DATABASE_AWAY
from realtime.per_loop import PerLoop

T = TypeVar("T")

logger = structlog.get_logger(__name__)

BATCH = conf.POST_BATCH  # posts per transaction, at most
BUSY = engine.RETRY_AFTER  # seconds; those who are refused are told to come back after them
MANY = 4  # rooms that are kept, one found after the other: then all are taken to be


class PostQueue:
    """With nothing waiting a post goes at once.

    A batch that fails is posted one by one, so that one bad post fails alone. While the database is
    away all that wait fail at once: to ask it again for each batch would take the last of them
    minutes. What was under way may have been stored all the same; its author repeats the
    `client_id`, and the room hears of it when the heads are compared.

    Where another transaction keeps a room, the posts of that room fail, and for a while it is not
    asked for: each time would hold up the posts of all others. After that it is asked for with
    little patience, and so is any room while another is found to be kept.
    """

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._worker: asyncio.Task[None] | None = None
        # Room id -> until when it is not asked for, on the loop's clock; until a post is stored.
        self._busy: dict[int, float] = {}
        self._kept_in_turn = 0
        self._one_by_one = 0  # so many of those that wait

    def __len__(self) -> int:
        """Those that no transaction has taken yet."""
        return len(self._waiting)

    def put(self, waiting: Waiting) -> None:
        if self._is_busy(waiting):
            refusal = RoomBusy(waiting.post.room_id)
            asyncio.get_running_loop().call_soon(self._fail, [waiting], refusal)
            return
        self._waiting.append(waiting)
        if self._worker is None:
            self._kept_in_turn = 0
            self._worker = asyncio.create_task(self._work(), context=Context())

    async def _work(self) -> None:
        try:
            while self._waiting:
                await self._post(await self._next_batch())
        finally:
            self._worker = None

    async def _next_batch(self) -> list[Waiting]:
        """What waits, once a turn of the loop has brought no more.

        A burst is read from its sockets in a few turns: taken at the first, it would be two
        transactions again and again (measured: 2 of 4 in flight together, now 3.8).
        """
        if self._one_by_one:
            self._one_by_one -= 1
            return [self._waiting.popleft()]
        seen = 0
        while seen < len(self._waiting) < BATCH:
            seen = len(self._waiting)
            await asyncio.sleep(0)
        return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    async def _post(self, batch: Sequence[Waiting]) -> None:
        posts = [waiting.post for waiting in batch]
        rooms = {post.room_id for post in posts}
        impatient = self._kept_in_turn > 0 or not rooms.isdisjoint(self._busy)
        try:
            receipts = await database.run(store_messages, posts, impatient=impatient)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            if isinstance(error, RoomBusy) and self._kept_in_turn < MANY - 1:
                self._give_up_room(error, batch)
            elif isinstance(error, DATABASE_AWAY):
                failed, self._waiting = [*batch, *self._waiting], deque()
                self._one_by_one = 0
                self._fail(failed, error)
            elif len(batch) == 1:
                self._fail(batch, error)
            else:
                self._waiting.extendleft(reversed(batch))
                self._one_by_one = len(batch)
        else:
            self._kept_in_turn = 0
            if impatient:
                self._busy = {room: at for room, at in self._busy.items() if room not in rooms}
            metrics.post_batches.inc()
            # The authors first, so that each hears `sent` before the message itself.
            for waiting, receipt in zip(batch, receipts, strict=True):
                metrics.post_seconds.observe(time.perf_counter() - waiting.since)
                _tell(waiting.on_stored, receipt)
            _tell(lambda stored: announce(posts, stored), receipts)

    def _is_busy(self, waiting: Waiting) -> bool:
        until = self._busy.get(waiting.post.room_id)
        return until is not None and asyncio.get_running_loop().time() < until

    def _give_up_room(self, error: RoomBusy, batch: Sequence[Waiting]) -> None:
        self._busy[error.room_id] = asyncio.get_running_loop().time() + BUSY
        self._kept_in_turn += 1
        waiting = [*batch, *self._waiting]
        self._waiting = deque(one for one in waiting if one.post.room_id != error.room_id)
        self._fail([one for one in waiting if one.post.room_id == error.room_id], error)

    @staticmethod
    def _fail(some: Sequence[Waiting], error: Exception) -> None:
        for waiting in some:
            _tell(waiting.on_failed, error)


def _tell(listener: Callable[[T], None], outcome: T) -> None:
    """Whoever cannot be told holds up nobody."""
    try:
        listener(outcome)
    except Exception:
        logger.exception("outcome_not_told")


post_queues = PerLoop(PostQueue)
metrics.post_queue.set_function(lambda: sum(map(len, post_queues.all())))
