"""Telling members how much is unread, at most once a second per room.

The counts are read from the database, never counted up and down, and all members of a room are told
in one packet, however many they are. Of the workers that stored messages in a room one tells: it
says so to the others, and what another has just told waits, for a second or two; a worker that ends
tells it before. One that dies leaves it to the next message of the room, or to whoever opens the
page.
"""

import asyncio
import random
from collections.abc import Iterable
from contextvars import Context
from typing import Any

import structlog

from chat.conf import conf
from chat.queries import unread_by_room
from notifications.actions import tell_room_unread
from realtime import database
from realtime.hub import hubs
from realtime.per_loop import PerLoop
from realtime.publish import tell_processes

logger = structlog.get_logger(__name__)

INTERVAL = conf.UNREAD_INTERVAL
# Of that; workers that tell at the same moment would go on to. Who told last is before the others.
MINE, OTHERS = (1.0, 1.1), (1.1, 1.2)
TOLD = "unread-told"  # the notice to the processes: {by: hub id, rooms: [room id]}


def unread_changed(room_ids: Iterable[int]) -> None:
    """Messages were stored in these rooms. May be called from any thread, or without a loop."""
    ids = set(room_ids)
    if here := hubs.all():
        here[0].call_threadsafe(lambda: unread_board.get().touch(ids))
    else:
        tell_unread(ids)


def tell_unread(room_ids: set[int], *, by: str = "") -> None:
    """`by` is the id of the hub whose process tells, which its own word does not keep waiting."""
    unread = unread_by_room(room_ids)
    tell_processes(TOLD, {"by": by, "rooms": list(room_ids)})
    for slug, counts in unread.items():
        tell_room_unread(room=slug, counts=counts)


class UnreadBoard:
    """Collects the rooms that changed, for one query a second."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hub = hubs.get()
        self._hub.switchboard.on_notice[TOLD] = self._hear
        self._hub.on_end.append(self._tell_all)
        self._rooms: set[int] = set()
        self._told: dict[int, float] = {}  # by others, and when; the oldest first
        self._task: asyncio.Task[None] | None = None
        self._telling = asyncio.Lock()  # who ends waits for what is told just now

    def touch(self, room_ids: set[int]) -> None:
        self._rooms |= room_ids
        if self._task is None:
            self._task = self._loop.create_task(self._tell_while_changing(), context=Context())

    async def _tell_while_changing(self) -> None:
        try:
            while self._rooms:
                self._forget_old()
                if rooms := self._rooms - self._told.keys():
                    async with self._telling:
                        await self._tell(rooms)
                    until = self._loop.time() + _interval(*MINE)
                else:
                    until = min(self._told[room] for room in self._rooms) + _interval(*OTHERS)
                await asyncio.sleep(until - self._loop.time())
        finally:
            self._task = None

    async def _tell(self, rooms: set[int]) -> None:
        self._rooms -= rooms
        try:
            await database.run(tell_unread, rooms, by=self._hub.id)
        except Exception as error:  # noqa: BLE001 - the database is away: at the next turn
            logger.warning("unread_failed", error=str(error))
            self._rooms |= rooms

    async def _tell_all(self) -> None:
        async with self._telling:
            if self._rooms:
                await self._tell(set(self._rooms))

    def _hear(self, told: dict[str, Any]) -> None:
        self._forget_old()
        if told["by"] != self._hub.id:
            for room_id in told["rooms"]:
                self._told.pop(room_id, None)
                self._told[room_id] = self._loop.time()

    def _forget_old(self) -> None:
        since = self._loop.time() - INTERVAL
        while self._told and next(iter(self._told.values())) <= since:
            del self._told[next(iter(self._told))]

    async def close(self) -> None:
        unread_board.forget(self)
        self._hub.on_end.remove(self._tell_all)
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _interval(least: float, most: float) -> float:
    return INTERVAL * random.uniform(least, most)  # noqa: S311 - a spread


unread_board: PerLoop[UnreadBoard] = PerLoop(UnreadBoard)
