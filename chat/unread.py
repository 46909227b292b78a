"""Telling members how much is unread, at most once a second per room.

The counts are read from the database, never counted up and down, and all members of a room are told
in one packet, however many they are.
"""

import asyncio
from collections.abc import Iterable

import structlog

from chat.queries import unread_by_room
from notifications.actions import tell_room_unread
from realtime import database
from realtime.hub import hubs
from realtime.per_loop import PerLoop

logger = structlog.get_logger(__name__)

INTERVAL = 1.0


def unread_changed(room_ids: Iterable[int]) -> None:
    """Messages were stored in these rooms. May be called from any thread, or without a loop."""
    ids = set(room_ids)
    if here := hubs.all():
        here[0].call_threadsafe(lambda: unread_board.get().touch(ids))
    else:
        tell_unread(ids)


def tell_unread(room_ids: set[int]) -> None:
    for slug, counts in unread_by_room(room_ids).items():
        tell_room_unread(room=slug, counts=counts)


class UnreadBoard:
    """Collects the rooms that changed, for one query a second."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rooms: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    def touch(self, room_ids: set[int]) -> None:
        self._rooms |= room_ids
        if self._task is None:
            self._task = self._loop.create_task(self._tell_while_changing())

    async def _tell_while_changing(self) -> None:
        try:
            while self._rooms:
                rooms, self._rooms = self._rooms, set()
                try:
                    await database.run(tell_unread, rooms)
                except Exception as error:  # noqa: BLE001 - the database is away: at the next turn
                    logger.warning("unread_failed", error=str(error))
                    self._rooms |= rooms
                await asyncio.sleep(INTERVAL)
        finally:
            self._task = None

    async def close(self) -> None:
        unread_board.forget(self)
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


unread_board: PerLoop[UnreadBoard] = PerLoop(UnreadBoard)
