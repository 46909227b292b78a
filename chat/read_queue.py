"""Read marks that come while the database is asked go together with the next.

Everybody who looks at a room reads a message at the same moment: 200 people were 600 queries.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextvars import Context
from typing import NamedTuple

from chat.marks import Mark, mark_reads
from notifications.actions import tell_room_unread
from realtime import database
from realtime.database import DATABASE_AWAY
from realtime.per_loop import PerLoop
from realtime.postgresql import DEADLOCK, LOCK_NOT_AVAILABLE, QUERY_CANCELED, sqlstate

BATCH = 200  # marks per transaction, at most
# What one mark may meet: whose row is kept, or who has read little of a very long log.
OF_ONE = {LOCK_NOT_AVAILABLE, DEADLOCK, QUERY_CANCELED}


class _Waiting(NamedTuple):
    mark: Mark
    slug: str
    kept: "asyncio.Future[None]"


class ReadQueue:
    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None
        self._one_by_one = 0  # so many of those that wait

    async def put(self, mark: Mark, *, slug: str) -> None:
        """Return once the mark is kept; the person's sockets are told what is left to read.

        `slug` is the room's. Raises what the database raises.
        """
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(mark, slug, kept))
        if self._worker is None:
            self._worker = asyncio.create_task(self._work(), context=Context())
        await kept

    async def _work(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # those who are read from in the same turn go with it
                size = 1 if self._one_by_one else BATCH
                self._one_by_one = max(0, self._one_by_one - 1)
                batch, self._waiting = self._waiting[:size], self._waiting[size:]
                await self._keep(batch)
        finally:
            self._worker = None

    async def _keep(self, batch: Sequence[_Waiting]) -> None:
        try:
            unread = await database.run(mark_reads, [one.mark for one in batch])
            _tell(batch, unread)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
            self._failed(batch, error)
        else:
            for one in batch:
                if not one.kept.done():  # or whoever waited has gone
                    one.kept.set_result(None)

    def _failed(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """While the database is away all that wait fail at once; else each for itself."""
        if isinstance(error, DATABASE_AWAY) and sqlstate(error) not in OF_ONE:
            batch, self._waiting = [*batch, *self._waiting], []
            self._one_by_one = 0
        elif len(batch) > 1:
            self._waiting = [*batch, *self._waiting]
            self._one_by_one = len(batch)
            return
        for one in batch:
            if not one.kept.done():
                one.kept.set_exception(error)


def _tell(batch: Sequence[_Waiting], unread: Sequence[int | None]) -> None:
    """One packet for all who read in a room."""
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for one, left in zip(batch, unread, strict=True):
        if left is not None:
            counts[one.slug][str(one.mark.user_id)] = left
    for slug, of_people in counts.items():
        tell_room_unread(room=slug, counts=of_people)


read_queues = PerLoop(ReadQueue)
