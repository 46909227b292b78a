"""Who is told of whom: people, not sockets; in batches; by counts where they are many."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from realtime import presence as module
from realtime.frames import Person, PresenceChanged
from realtime.presence import Presence
from realtime.presence_store import Changes, MemoryPresence

GROUP = "room.1"


class Store(MemoryPresence):
    """`away` fails each call, `stuck` never answers; `elsewhere` is what others' leases say."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.stuck = False
        self.taken: list[list[str]] = []
        self.ended: list[Person] = []

    async def take(self, group: str, people: list[Person]) -> Changes:
        await self._call()
        self.taken.append([person.id for person in people])
        changes = await super().take(group, people)
        ended, self.ended = self.ended, []
        return Changes(changes.joined, ended)

    async def give_back(self, group: str, person_id: str) -> bool:
        await self._call()
        return await super().give_back(group, person_id)

    async def count(self, group: str) -> int:
        await self._call()
        return await super().count(group)

    async def people(self, group: str) -> list[Person]:
        await self._call()
        return await super().people(group)

    async def _call(self) -> None:
        if self.stuck:
            await asyncio.Event().wait()
        if self.away:
            raise ConnectionError("away")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[PresenceChanged]:
    frames: list[PresenceChanged] = []
    monkeypatch.setattr(module, "publish", lambda group, frame: frames.append(frame))
    monkeypatch.setattr(module, "BATCH_DELAY", 0.02)
    monkeypatch.setattr(module, "BATCH_INTERVAL", 0.06)
    monkeypatch.setattr(module, "STORE_TIMEOUT", 0.05)
    return frames


@asynccontextmanager
async def presence_of(store: Store) -> AsyncIterator[Presence]:
    presence = Presence(store)
    await asyncio.sleep(0)  # its renewing has begun
    try:
        yield presence
    finally:
        await presence.close()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.005)


def someone(number: int = 1, name: str = "") -> Person:
    return Person(id=str(number), name=name or f"P{number}")


def names(frame: PresenceChanged) -> tuple[list[str], list[str], int]:
    return [p.name for p in frame.joined], [p.name for p in frame.left], frame.online


async def settled(told: list[Any]) -> None:
    """Two batches long: whatever was to be told has been."""
    await asyncio.sleep(0.15)


async def test_who_comes_at_about_the_same_time_is_told_of_together(told: Any) -> None:
    async with presence_of(Store()) as presence:
        for number in range(3):
            online = await presence.arrive(GROUP, someone(number))
        assert online.total == 3
        assert [person.name for person in online.people] == ["P0", "P1", "P2"]
        await eventually(lambda: told)
        await settled(told)
        assert [names(frame) for frame in told] == [(["P0", "P1", "P2"], [], 3)]


async def test_a_second_batch_waits_its_turn(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        await eventually(lambda: len(told) == 1)
        began = asyncio.get_running_loop().time()
        await presence.arrive(GROUP, someone(2))
        await eventually(lambda: len(told) == 2)
        assert asyncio.get_running_loop().time() - began >= 0.04


async def test_people_are_counted_and_not_their_sockets(told: Any) -> None:
    async with presence_of(Store()) as presence:
        for _ in range(3):
            assert (await presence.arrive(GROUP, someone())).total == 1
        assert presence.count_here(GROUP) == 1
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        presence.depart(GROUP, "1")
        await settled(told)
        assert len(told) == 1
        presence.depart(GROUP, "1")
        await eventually(lambda: len(told) == 2)
        assert names(told[1]) == ([], ["P1"], 0)


async def test_who_comes_and_goes_within_a_batch_is_not_told_of(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, someone())
        presence.depart(GROUP, "1")
        await settled(told)
        assert told == []


async def test_a_page_that_is_reloaded_is_not_told_of(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, someone())
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        await asyncio.sleep(0)
        await presence.arrive(GROUP, someone())
        await settled(told)
        assert len(told) == 1


@pytest.mark.parametrize(("limit", "named"), [(3, True), (2, False)])
async def test_a_large_group_hears_counts_only(
    told: Any, monkeypatch: pytest.MonkeyPatch, limit: int, named: bool
) -> None:
    assert module.NAMED_LIMIT == 100
    monkeypatch.setattr(module, "NAMED_LIMIT", limit)
    async with presence_of(Store()) as presence:
        for number in range(3):
            online = await presence.arrive(GROUP, someone(number))
        assert (online.total, bool(online.people)) == (3, named)
        await eventually(lambda: told)
        assert told[0].online == 3
        assert bool(told[0].joined) is named


async def test_all_who_leave_a_large_group_at_once_are_not_named(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with presence_of(Store()) as presence:
        for number in range(3):
            await presence.arrive(GROUP, someone(number))
        await eventually(lambda: told)
        monkeypatch.setattr(module, "NAMED_LIMIT", 2)
        for number in range(3):
            presence.depart(GROUP, str(number))
        await eventually(lambda: len(told) == 2)
        assert names(told[1]) == ([], [], 0)


async def test_groups_do_not_mix(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        assert (await presence.arrive("room.2", someone(2))).total == 1
        presence.depart("room.2", "1")
        presence.depart("room.3", "1")
        assert presence.count_here(GROUP) == 1
        assert presence.count_here("room.3") == 0


async def test_a_new_name_is_what_the_next_to_come_is_told(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        presence.rename(GROUP, someone(1, "Zoë"))
        presence.rename(GROUP, someone(9, "Nobody"))
        await settled(told)
        online = await presence.arrive(GROUP, someone(2))
        assert [person.name for person in online.people] == ["Zoë", "P2"]


async def test_a_group_that_all_have_left_is_forgotten(told: Any) -> None:
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone())
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        await eventually(lambda: not presence._here)
        assert not store._groups


# --- the leases ---


async def test_leases_are_renewed_while_their_people_are_here(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store()) as presence:
        for number in range(2):
            await presence.arrive(GROUP, someone(number))
        await eventually(lambda: store.taken.count(["0", "1"]) >= 2)


async def test_whoever_a_dead_process_held_is_told_as_left(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        await eventually(lambda: told)
        store.ended = [someone(2)]
        await eventually(lambda: len(told) == 2)
        assert names(told[1]) == ([], ["P2"], 1)


# --- a store that fails ---


@pytest.mark.parametrize("fault", ["away", "stuck"])
async def test_without_the_store_one_is_told_who_is_known_here_and_nobody_waits(
    told: Any, fault: str
) -> None:
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        setattr(store, fault, True)
        async with asyncio.timeout(1):
            online = await presence.arrive(GROUP, someone(2))
        assert (online.total, [person.name for person in online.people]) == (2, ["P1", "P2"])


async def test_when_the_store_is_back_leases_are_taken_again(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store()) as presence:
        store.away = True
        await presence.arrive(GROUP, someone(1))
        store.away = False
        await eventually(lambda: told)
        assert names(told[0]) == (["P1"], [], 1)
        assert await store.count(GROUP) == 1


async def test_leaving_without_the_store_breaks_nothing(told: Any) -> None:
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        store.away = True
        presence.depart(GROUP, "1")
        await settled(told)
        assert presence.count_here(GROUP) == 0


async def test_a_change_is_told_late_rather_than_never(told: Any) -> None:
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        store.away = True
        await settled(told)
        store.away = False
        await presence.arrive(GROUP, someone(2))
        await settled(told)
        assert {name for frame in told for name in names(frame)[0]} == {"P1", "P2"}


async def test_a_group_is_forgotten_whether_or_not_the_store_answers(told: Any) -> None:
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        presence.depart(GROUP, "1")
        store.away = True
        await settled(told)
        assert not presence._here


async def test_two_sockets_that_open_at_once_are_both_counted_as_online(told: Any) -> None:
    async with presence_of(store := Store()) as presence:
        taking = asyncio.Event()
        take = store.take

        async def slow(group: str, people: list[Person]) -> Changes:
            await taking.wait()
            return await take(group, people)

        store.take = slow  # type: ignore[method-assign]
        first = asyncio.create_task(presence.arrive(GROUP, someone()))
        await asyncio.sleep(0)
        second = asyncio.create_task(presence.arrive(GROUP, someone()))
        await asyncio.sleep(0.01)
        taking.set()
        assert ((await first).total, (await second).total) == (1, 1)


async def test_what_is_told_is_a_frame_of_the_contract(told: Any) -> None:
    async with presence_of(Store()) as presence:
        await presence.arrive(GROUP, Person(id="1", name="A", guest=True))
        await eventually(lambda: told)
    assert msgspec.json.decode(msgspec.json.encode(told[0])) == {
        "type": "presence",
        "joined": [{"id": "1", "name": "A", "guest": True}],
        "left": [],
        "online": 1,
    }
