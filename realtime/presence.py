"""Who is in a group right now: distinct people, whatever the number of their sockets.

Each process counts its own sockets and holds a lease per person and group in a store: the process
memory, or Redis, where the leases of a killed worker run out. Changes are told in batches.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from realtime.frames import Person, PresenceChanged
from realtime.per_loop import PerLoop
from realtime.publish import publish

logger = structlog.get_logger(__name__)

BATCH_DELAY = 0.1  # seconds; then at most one frame per group and BATCH_INTERVAL
BATCH_INTERVAL = 1.0
NAMED_LIMIT = 100  # people; above it a group hears counts only
REFRESH_INTERVAL = 5.0
LEASE = 15.0
STORE_TIMEOUT = 0.5


class PresenceStore(Protocol):
    async def arrive(self, group: str, person: Person) -> bool:
        """Take or renew this process's lease. True if the person was nowhere in the group."""

    async def depart(self, group: str, person_id: str) -> bool:
        """Give the lease back. True if it was the person's last one."""

    async def renew(self, group: str, person_ids: list[str]) -> list[Person]:
        """Renew leases; returns the people of the group whose last lease has run out."""

    async def count(self, group: str) -> int: ...

    async def people(self, group: str) -> list[Person]: ...


class MemoryPresence:
    """The store of a site with one process: no lease outlives it."""

    def __init__(self) -> None:
        self._groups: defaultdict[str, dict[str, Person]] = defaultdict(dict)

    async def arrive(self, group: str, person: Person) -> bool:
        known = person.id in self._groups[group]
        self._groups[group][person.id] = person
        return not known

    async def depart(self, group: str, person_id: str) -> bool:
        gone = self._groups[group].pop(person_id, None) is not None
        if not self._groups[group]:
            del self._groups[group]
        return gone

    async def renew(self, group: str, person_ids: list[str]) -> list[Person]:
        return []

    async def count(self, group: str) -> int:
        return len(self._groups.get(group, ()))

    async def people(self, group: str) -> list[Person]:
        return list(self._groups.get(group, {}).values())


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

    async def arrive(self, group: str, person: Person) -> int:
        """One more socket of the person. Returns how many people are online, this one included."""
        here = self._here.setdefault(group, _Here())
        here.sockets[person.id] += 1
        here.people[person.id] = person
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                if here.sockets[person.id] == 1 and await self._store.arrive(group, person):
                    self._note(group, here, joined=person)
                return max(1, await self._store.count(group))
        except Exception as error:  # noqa: BLE001 - the store is away: what is known here must do
            logger.warning("presence_store_away", error=str(error))
            return len(here.people)

    def depart(self, group: str, person_id: str) -> None:
        """One socket fewer."""
        here = self._here.get(group)
        if here is None or person_id not in here.sockets:
            return
        here.sockets[person_id] -= 1
        if here.sockets[person_id] <= 0:
            del here.sockets[person_id]
            self._spawn(self._depart(group, here, here.people.pop(person_id)))

    def rename(self, group: str, person: Person) -> None:
        if (here := self._here.get(group)) and person.id in here.people:
            here.people[person.id] = person
            self._spawn(self._take_lease(group, person))

    async def people(self, group: str) -> list[Person]:
        return await self._store.people(group)

    async def _take_lease(self, group: str, person: Person) -> None:
        await self._store.arrive(group, person)

    async def _depart(self, group: str, here: _Here, person: Person) -> None:
        if person.id not in here.sockets and await self._store.depart(group, person.id):
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
        online = await self._store.count(group)
        if joined or left:
            if max(online, len(left)) > NAMED_LIMIT:
                joined = left = []
            self._tell(group, PresenceChanged(joined=joined, left=left, online=online))
        if not (here.sockets or here.flush) and self._here.get(group) is here:
            del self._here[group]

    def _tell(self, group: str, frame: PresenceChanged) -> None:
        publish(group, frame)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            for group, here in list(self._here.items()):
                try:
                    for person in await self._store.renew(group, list(here.sockets)):
                        self._note(group, here, left=person)
                except Exception as error:  # noqa: BLE001 - the store is away: renew at the next turn
                    logger.warning("presence_store_away", error=str(error))
                    break

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        presences.forget(self)
        for here in self._here.values():
            if here.flush:
                here.flush.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


# `presences.get()` is that of the running event loop.
presences = PerLoop(lambda: Presence(MemoryPresence()))
