"""Presence of one process or several, over a store that can be made to fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from realtime import presence as module
from realtime import presence_store
from realtime.frames import Person, PresenceChanged
from realtime.packet import Packet
from realtime.presence import Presence
from realtime.presence_store import Change, MemoryPresence, PresenceStore, View

GROUP = "room.1"


class Store(MemoryPresence):
    """`away` fails each call, `stuck` never answers; `began` is when it lost all, last."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.stuck = False
        self.renewed: list[list[str]] = []
        self.began = 0

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        await self._call()
        return await super().take(group, person)

    async def renew(self, group: str, people: list[Person]) -> Change:
        await self._call()
        self.renewed.append([person.id for person in people])
        return await super().renew(group, people)

    async def give_back(self, group: str, person_id: str) -> bool:
        await self._call()
        return await super().give_back(group, person_id)

    async def view(self, group: str) -> View:
        await self._call()
        return (await super().view(group))._replace(began=self.began)

    def lose_all(self) -> None:
        self._groups.clear()
        self._versions.clear()
        self.began = next(self._next_version)

    async def _call(self) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.away:
            raise ConnectionError("away")


class Lease:
    """What one process says to a store that all share, and in which it may lose what it has."""

    def __init__(self, store: Store, holders: dict[str, set[object]]) -> None:
        self._store = store
        self._holders = holders
        self.view = store.view

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        self._holders.setdefault(person.id, set()).add(self)
        return await self._store.take(group, person)

    async def renew(self, group: str, people: list[Person]) -> Change:
        for person in people:
            self._holders.setdefault(person.id, set()).add(self)
        return await self._store.renew(group, people)

    async def give_back(self, group: str, person_id: str) -> bool:
        self._holders[person_id].discard(self)
        return not self._holders[person_id] and await self._store.give_back(group, person_id)


class LocalHub:
    """The hub of one process: what it tells its sockets, and nudges that may be lost."""

    def __init__(self, others: "list[LocalHub]") -> None:
        self.told: list[PresenceChanged] = []
        self.deaf = False
        self.on_nudge: Callable[[str], None] = lambda group: None
        self._others = others
        others.append(self)

    def deliver(self, group: str, packet: Packet) -> None:
        word = msgspec.json.decode(packet.payload)
        assert word.pop("type") == "presence"
        self.told.append(msgspec.convert(word, PresenceChanged))

    def nudge(self, group: str) -> None:
        for other in self._others:
            if other is not self and not other.deaf:
                other.on_nudge(group)

    @property
    def shown(self) -> list[str]:
        """Whom a page names that has heard everything."""
        names: dict[str, str] = {}
        for frame in self.told:
            for person in frame.left:
                names.pop(person.id, None)
            names |= {person.id: person.name for person in frame.joined}
        return sorted(names.values())


class Page:
    """What somebody sees who comes now, and hears what this process tells from then on."""

    def __init__(self, hub: LocalHub) -> None:
        self._hub = hub

    async def open(self, presence: Presence, person: Person) -> "Page":
        self._since = len(self._hub.told)
        self._welcome = await presence.arrive(GROUP, person)
        return self

    async def open_amid_reload(
        self, presence: Presence, person: Person, *, of: Person, at: Presence
    ) -> "Page":
        """While another's page is reloaded, so that the welcome does not count them."""
        at.depart(GROUP, of.id)
        await asyncio.sleep(0.005)
        await self.open(presence, person)
        await at.arrive(GROUP, of)
        await settled()
        return self

    @property
    def shown(self) -> tuple[list[str], int]:
        names = {person.id: person.name for person in self._welcome.people}
        online = self._welcome.total
        for frame in self._hub.told[self._since :]:
            for person in frame.left:
                names.pop(person.id, None)
            names |= {person.id: person.name for person in frame.joined}
            online = frame.online
        return sorted(names.values()), online


@asynccontextmanager
async def presence_of(
    store: PresenceStore, told: list[PresenceChanged] | None = None
) -> AsyncIterator[Presence]:
    hub = LocalHub([])
    hub.told = hub.told if told is None else told
    async with _running(store, hub) as presence:
        yield presence


@asynccontextmanager
async def _running(store: PresenceStore, hub: LocalHub) -> AsyncIterator[Presence]:
    presence = Presence(store, hub)  # type: ignore[arg-type]  # what it needs of one
    await asyncio.sleep(0)  # its renewing has begun
    try:
        yield presence
    finally:
        await presence.close()


@asynccontextmanager
async def processes(number: int, store: Store) -> AsyncIterator[list[tuple[Presence, LocalHub]]]:
    hubs: list[LocalHub] = []
    holders: dict[str, set[object]] = {}
    async with AsyncExitStack() as stack:
        yield [
            (await stack.enter_async_context(_running(Lease(store, holders), hub)), hub)
            for hub in [LocalHub(hubs) for _ in range(number)]
        ]


def someone(number: int = 1, name: str = "") -> Person:
    return Person(id=str(number), name=name or f"P{number}")


def names(frame: PresenceChanged) -> tuple[list[str], list[str], int]:
    return [p.name for p in frame.joined], [p.name for p in frame.left], frame.online


def limit_named(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    for where in (module, presence_store):
        monkeypatch.setattr(where, "NAMED_LIMIT", limit)


async def settled() -> None:
    """Two batches long, on a clock that jumps: whatever was to be told has been."""
    await asyncio.sleep(0.15)
