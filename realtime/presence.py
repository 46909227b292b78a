"""Who is in a group right now: distinct people, whatever the number of their sockets.

Each process counts its own sockets and holds a lease per person and group in a store: the process
memory, or Redis, where the leases of a killed worker run out. Changes are told in batches.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import structlog

from realtime.frames import Person, PresenceChanged
from realtime.per_loop import PerLoop
from realtime.presence_store import PresenceStore, presence_store
from realtime.publish import publish

logger = structlog.get_logger(__name__)

BATCH_DELAY = 0.1  # seconds; then at most one frame per group and BATCH_INTERVAL
BATCH_INTERVAL = 1.0
NAMED_LIMIT = 100  # people; above it a group hears counts only
REFRESH_INTERVAL = 5.0
STORE_TIMEOUT = 0.5


class Online(NamedTuple):
    """How many people are in a group, and who; nobody is named in a large one."""

    total: int
    people: list[Person]


@dataclass(slots=True)
class _Here:
    """What this process knows of one group."""

    sockets: Counter[str] = field(default_factory=Counter)
    people: dict[str, Person] = field(default_factory=dict)
    joined: dict[str, Person] = field(default_factory=dict)
    left: dict[str, Person] = field(default_factory=dict)
    flush: asyncio.TimerHandle | None = None
    flushed_at: float = 0.0


class Presence:
    def __init__(self, store: PresenceStore) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._here: dict[str, _Here] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._renew_leases())

    async def arrive(self, group: str, person: Person) -> Online:
        """One more socket of the person. Returns who is online, this person included."""
        here = self._here.setdefault(group, _Here())
        here.sockets[person.id] += 1
        here.people[person.id] = person
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                if here.sockets[person.id] == 1:
                    await self._take(group, here, [person])
                return await self._online(group, here)
        except Exception as error:  # noqa: BLE001 - the store is away: what is known here must do
            logger.warning("presence_store_away", error=str(error))
            return Online(len(here.people), list(here.people.values())[:NAMED_LIMIT])

    async def _online(self, group: str, here: _Here) -> Online:
        """Who is here counts, whether or not the lease has been taken yet."""
        total = max(await self._store.count(group), len(here.people))
        if total > NAMED_LIMIT:
            return Online(total, [])
        people = {person.id: person for person in await self._store.people(group)} | here.people
        return Online(max(total, len(people)), list(people.values()))

    def depart(self, group: str, person_id: str) -> None:
        """One socket fewer."""
        here = self._here.get(group)
        if here is None or person_id not in here.sockets:
            return
        here.sockets[person_id] -= 1
        if here.sockets[person_id] <= 0:
            del here.sockets[person_id]
            self._spawn(self._give_back(group, here, here.people.pop(person_id)))

    def rename(self, group: str, person: Person) -> None:
        if (here := self._here.get(group)) and person.id in here.people:
            here.people[person.id] = person
            self._spawn(self._take(group, here, [person]))

    def count_here(self, group: str) -> int:
        """The people whom this process serves, without asking the store."""
        here = self._here.get(group)
        return len(here.people) if here else 0

    async def _take(self, group: str, here: _Here, people: list[Person]) -> None:
        changes = await self._store.take(group, people)
        for person in changes.joined:
            self._note(group, here, joined=person)
        for person in changes.left:
            self._note(group, here, left=person)

    async def _give_back(self, group: str, here: _Here, person: Person) -> None:
        # Should the person have come back meanwhile, the lease is theirs again.
        if person.id not in here.sockets and await self._store.give_back(group, person.id):
            self._note(group, here, left=person)

    def _note(
        self, group: str, here: _Here, *, joined: Person | None = None, left: Person | None = None
    ) -> None:
        """Keep a change for the next batch; whoever came and went within one is not told of."""
        if joined and here.left.pop(joined.id, None) is None:
            here.joined[joined.id] = joined
        if left and here.joined.pop(left.id, None) is None:
            here.left[left.id] = left
        if here.flush is None:
            next_turn = here.flushed_at + BATCH_INTERVAL - self._loop.time()
            here.flush = self._loop.call_later(
                max(BATCH_DELAY, next_turn), lambda: self._spawn(self._flush(group, here))
            )

    async def _flush(self, group: str, here: _Here) -> None:
        here.flush, here.flushed_at = None, self._loop.time()
        joined, left = list(here.joined.values()), list(here.left.values())
        here.joined.clear()
        here.left.clear()
        online = await self._total(group, here)
        if joined or left:
            if max(online, len(left)) > NAMED_LIMIT:
                joined = left = []
            self._tell(group, PresenceChanged(joined=joined, left=left, online=online))
        if not (here.sockets or here.flush) and self._here.get(group) is here:
            del self._here[group]

    async def _total(self, group: str, here: _Here) -> int:
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                return await self._store.count(group)
        except Exception as error:  # noqa: BLE001 - the store is away: what is known here must do
            logger.warning("presence_store_away", error=str(error))
            return len(here.people)

    def _tell(self, group: str, frame: PresenceChanged) -> None:
        publish(group, frame)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            for group, here in list(self._here.items()):
                try:
                    await self._take(group, here, list(here.people.values()))
                except Exception as error:  # noqa: BLE001 - the store is away: renew at the next turn
                    logger.warning("presence_store_away", error=str(error))
                    break

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(self._quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _quietly(work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the store is away: the lease runs out by itself
            logger.warning("presence_store_away", error=str(error))

    async def close(self) -> None:
        presences.forget(self)
        for here in self._here.values():
            if here.flush:
                here.flush.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


# `presences.get()` is that of the running event loop.
presences = PerLoop(lambda: Presence(presence_store()))
