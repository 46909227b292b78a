"""Who is in a group right now: distinct people, whatever the number of their sockets.

Each process counts its own sockets and holds a lease per person and group in a store: the process
memory, or Redis, where the leases of a killed worker run out. What the store says is the truth.
Each process looks at it, and tells its own sockets in what it differs from what they were told: at
a nudge from the process that changed it, or at the next renewal, should that be lost.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec

import structlog
from redis.exceptions import RedisError

from realtime.conf import conf
from realtime.frames import Person, PresenceChanged, encode
from realtime.hub import Hub, hubs
from realtime.packet import Packet
from realtime.per_loop import PerLoop
from realtime.presence_store import LEASE, NAMED_LIMIT, PresenceStore, View, presence_store
from realtime.tasks import end

logger = structlog.get_logger(__name__)

# Seconds; then at most one frame per group and BATCH_INTERVAL.
BATCH_DELAY = conf.PRESENCE_BATCH_DELAY
BATCH_INTERVAL = conf.PRESENCE_BATCH_INTERVAL
REFRESH_INTERVAL = conf.LEASE_REFRESH
STORE_TIMEOUT = conf.STORE_TIMEOUT
STORE_AWAY = (RedisError, OSError, TimeoutError)
P = ParamSpec("P")
Work = Coroutine[Any, Any, object]


class Online(NamedTuple):
    """How many people are in a group, and who; nobody is named in a large one."""

    total: int
    people: list[Person]


@dataclass(slots=True)
class _Here:
    """What this process knows of one group, and what it told its sockets."""

    sockets: Counter[str] = field(default_factory=Counter)
    people: dict[str, Person] = field(default_factory=dict)
    # The version of the store that was told last; None before the first.
    told: int | None = None
    online: int = 0
    named: dict[str, Person] = field(default_factory=dict)
    # Those of whom the welcome of some socket said otherwise.
    doubted: dict[str, Person] = field(default_factory=dict)
    # The welcome of some named nobody, or only those who are here.
    unsure: bool = False
    # There is something to tell, whatever the version.
    due: bool = False
    # Until then nobody is said to have left: the store lost all.
    patient_until: float = 0.0
    look: asyncio.TimerHandle | None = None
    looked_at: float = 0.0
    # The other processes have to look, too.
    news: bool = False


class Presence:
    def __init__(self, store: PresenceStore, hub: Hub) -> None:
        self._store = store
        self._hub = hub
        hub.on_nudge = self._nudged
        self._loop = asyncio.get_running_loop()
        self._here: dict[str, _Here] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._renew_leases)

    async def arrive(self, group: str, person: Person) -> Online:
        """One more socket of the person, which is in the hub's group already.

        Returns who is online, this person included.
        """
        here = self._here.setdefault(group, _Here())
        here.sockets[person.id] += 1
        here.people[person.id] = person
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                if here.sockets[person.id] == 1:
                    view = await self._take(group, here, person)
                else:
                    view = await self._store.view(group)
        except Exception as error:  # noqa: BLE001 - the store is away: what is known here must do
            _away(error)
            here.unsure = here.due = True
            here.doubted |= here.people
            return Online(len(here.people), list(here.people.values())[:NAMED_LIMIT])
        if here.told is not None and view.version < here.told:
            # It was overtaken: of what came between, the sockets here have been told already.
            named = here.named if here.online <= NAMED_LIMIT else None
            view = view._replace(total=here.online, people=named)
        online, people = _merged(here, view)
        self._doubt(here, people)
        return Online(online, list(people.values()) if people is not None else [])

    @staticmethod
    def _doubt(here: _Here, people: dict[str, Person] | None) -> None:
        """What a welcome says and the others were not told is to be told, though it be undone."""
        if people is None:
            here.unsure = True
            return
        for id_, person in {**here.named, **people}.items():
            if here.named.get(id_) != people.get(id_):
                here.doubted[id_] = person

    def depart(self, group: str, person_id: str) -> None:
        """One socket fewer."""
        here = self._here.get(group)
        if here is None or person_id not in here.sockets:
            return
        here.sockets[person_id] -= 1
        if here.sockets[person_id] <= 0:
            del here.sockets[person_id]
            del here.people[person_id]
            self._spawn(self._give_back, group, here, person_id)

    def rename(self, group: str, person: Person) -> None:
        if (here := self._here.get(group)) and person.id in here.people:
            here.people[person.id] = person
            self._spawn(self._take, group, here, person)

    def count_here(self, group: str) -> int:
        """The people whom this process serves, without asking the store."""
        here = self._here.get(group)
        return len(here.people) if here else 0

    @property
    def groups(self) -> list[str]:
        """Those in which this process serves somebody."""
        return [group for group, here in self._here.items() if here.people]

    # --- the leases ---

    async def _take(self, group: str, here: _Here, person: Person) -> View:
        changed, view = await self._store.take(group, person)
        if here.told is None:
            # The welcome of whoever comes first names the others; of its own coming it is told.
            here.told, here.due = view.version, here.due or changed
            here.online = view.total - changed
            here.named = dict(view.people or {})
            if changed:
                here.named.pop(person.id, None)
            here.unsure = here.unsure or view.people is None
        if changed or view.version != here.told:
            self._look_soon(group, here, news=changed)
        return view

    async def _give_back(self, group: str, here: _Here, person_id: str) -> None:
        try:
            # Should the person have come back meanwhile, the lease is theirs again.
            if person_id not in here.sockets and await self._store.give_back(group, person_id):
                self._look_soon(group, here, news=True)
                # Or they came back while Redis was asked, and were there first.
                if (now := self._here.get(group)) and (person := now.people.get(person_id)):
                    await self._take(group, now, person)
        finally:
            self._forget(group, here)

    async def _renew_leases(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_INTERVAL)
            try:
                for group, here in list(self._here.items()):
                    if here.people:
                        await self._renew(group, here)
            except Exception as error:  # noqa: BLE001 - the store is away: renew at the next turn
                _away(error)

    async def _renew(self, group: str, here: _Here) -> None:
        people = list(here.people.values())
        changed, version = await self._store.renew(group, people)
        if changed or here.due or version != here.told:
            self._look_soon(group, here, news=changed)
        for person in people:
            if person.id not in here.people:  # the lease was given back before it was renewed
                self._spawn(self._give_back, group, here, person.id)

    # --- what is told ---

    def _nudged(self, group: str) -> None:
        if here := self._here.get(group):
            self._look_soon(group, here)

    def _look_soon(self, group: str, here: _Here, *, news: bool = False) -> None:
        here.news |= news
        if here.look is None:
            next_turn = here.looked_at + BATCH_INTERVAL - self._loop.time()
            wait = max(BATCH_DELAY, next_turn)
            here.look = self._loop.call_later(wait, self._spawn, self._look, group, here)

    async def _look(self, group: str, here: _Here) -> None:
        here.look, here.looked_at = None, self._loop.time()
        if here.news:
            here.news = False
            self._hub.nudge(group)
        if not here.sockets:
            self._forget(group, here)
            return
        async with asyncio.timeout(STORE_TIMEOUT):
            self._compare(group, here, await self._store.view(group))

    def _compare(self, group: str, here: _Here, view: View) -> None:
        """Tell in what the store differs from what was told."""
        now = self._loop.time()
        if here.told is not None and view.began > here.told:
            # It lost all: until every process has been there it knows of too few.
            here.patient_until = now + LEASE
        online, people = _merged(here, view)
        if patient := now < here.patient_until:
            if people is not None:
                people = {**here.named, **people}
            online = max(online, here.online) if people is None else len(people)
        joined, left = [], []
        if people is None:
            here.unsure = True
        else:
            left = [p for id_, p in {**here.doubted, **here.named}.items() if id_ not in people]
            joined = [
                person
                for id_, person in people.items()
                if here.unsure or id_ in here.doubted or here.named.get(id_) != person
            ]
        if joined or left or here.unsure or online != here.online:
            frame = PresenceChanged(joined=joined, left=left, online=online)
            self._hub.deliver(group, Packet(encode(frame)))
        if people is not None:
            here.named, here.doubted, here.unsure = people, {}, False
        here.told, here.online, here.due = view.version, online, patient

    def _forget(self, group: str, here: _Here) -> None:
        """Once nobody is here and nothing has to be told."""
        if not (here.sockets or here.look) and self._here.get(group) is here:
            del self._here[group]

    def _spawn(self, work: Callable[P, Work], *args: P.args, **kwargs: P.kwargs) -> None:
        """Not of a coroutine that is made already: cancelled at once, it would never be awaited."""
        task = self._loop.create_task(_quietly(work, *args, **kwargs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        presences.forget(self)
        for here in self._here.values():
            if here.look:
                here.look.cancel()
        await end(*self._tasks)


def _merged(here: _Here, view: View) -> tuple[int, dict[str, Person] | None]:
    """How many, and who, or None where they are too many.

    Who is here counts, whether or not the lease has been taken yet.
    """
    if view.people is None or len(here.people) > NAMED_LIMIT:
        return max(view.total, len(here.people)), None
    people = {**here.people, **view.people}
    return len(people), people if len(people) <= NAMED_LIMIT else None


async def _quietly(work: Callable[P, Work], *args: P.args, **kwargs: P.kwargs) -> None:
    try:
        await work(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 - the store is away: what is missed is seen later
        _away(error)


def _away(error: Exception) -> None:
    """In one line that the store is away; of anything else, where it happened."""
    unexpected = None if isinstance(error, STORE_AWAY) else error
    told = str(error) or type(error).__name__
    logger.warning("presence_store_away", error=told, exc_info=unexpected)


# `presences.get()` is that of the running event loop.
presences = PerLoop(lambda: Presence(presence_store(), hubs.get()))
