"""Who is told of whom: people, not sockets; in batches; by counts where they are many."""

import asyncio

import msgspec
import pytest

from realtime import presence as module
from realtime.frames import Person, PresenceChanged, encode
from realtime.presence_store import Change, View
from tests.clock import jumping
from tests.presence import (
    GROUP,
    Store,
    limit_named,
    names,
    presence_of,
    settled,
    someone,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("soon")


@jumping
async def test_who_comes_at_about_the_same_time_is_told_of_together(
    told: list[PresenceChanged],
) -> None:
    async with presence_of(Store(), told) as presence:
        for number in range(3):
            online = await presence.arrive(GROUP, someone(number))
        assert online.total == 3
        assert [person.name for person in online.people] == ["P0", "P1", "P2"]
        await eventually(lambda: told)
        await settled()
        assert [names(frame) for frame in told] == [(["P0", "P1", "P2"], [], 3)]


@jumping
async def test_a_second_batch_waits_its_turn(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone(1))
        await eventually(lambda: len(told) == 1)
        began = asyncio.get_running_loop().time()
        await presence.arrive(GROUP, someone(2))
        await eventually(lambda: len(told) == 2)
        assert asyncio.get_running_loop().time() - began >= 0.05


@jumping
async def test_people_are_counted_and_not_their_sockets(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone(2))
        for _ in range(3):
            assert (await presence.arrive(GROUP, someone())).total == 2
        assert presence.count_here(GROUP) == 2
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        presence.depart(GROUP, "1")
        await settled()
        assert len(told) == 1
        presence.depart(GROUP, "1")
        await eventually(lambda: len(told) == 2)
        assert names(told[1]) == ([], ["P1"], 1)


@jumping
async def test_two_sockets_that_open_at_once_are_both_counted_as_online(
    told: list[PresenceChanged],
) -> None:
    async with presence_of(store := Store(), told) as presence:
        taking = asyncio.Event()
        take = store.take

        async def slow(group: str, person: Person) -> tuple[bool, View]:
            await taking.wait()
            return await take(group, person)

        store.take = slow  # type: ignore[method-assign]
        first = asyncio.create_task(presence.arrive(GROUP, someone()))
        await asyncio.sleep(0)
        second = asyncio.create_task(presence.arrive(GROUP, someone()))
        await asyncio.sleep(0.01)
        taking.set()
        assert ((await first).total, (await second).total) == (1, 1)


@jumping
async def test_who_comes_and_goes_within_a_batch_is_not_told_of(
    told: list[PresenceChanged],
) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone())
        presence.depart(GROUP, "1")
        await settled()
        assert told == []


@jumping
async def test_a_page_that_is_reloaded_is_not_told_of(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone())
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        await asyncio.sleep(0)
        await presence.arrive(GROUP, someone())
        await settled()
        assert len(told) == 1


@pytest.mark.parametrize(("limit", "named"), [(3, True), (2, False)])
async def test_a_large_group_hears_counts_only(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch, limit: int, named: bool
) -> None:
    assert module.NAMED_LIMIT == 100
    limit_named(monkeypatch, limit)
    async with presence_of(Store(), told) as presence:
        for number in range(3):
            online = await presence.arrive(GROUP, someone(number))
        assert (online.total, bool(online.people)) == (3, named)
        await eventually(lambda: told)
        assert told[0].online == 3
        assert bool(told[0].joined) is named


@jumping
async def test_a_group_that_is_no_longer_large_is_named_anew(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who came meanwhile were named nobody."""
    limit_named(monkeypatch, 2)
    async with presence_of(Store(), told) as presence:
        for number in range(4):
            await presence.arrive(GROUP, someone(number))
            await settled()
        presence.depart(GROUP, "3")
        await settled()
        assert names(told[-1]) == ([], [], 3)
        presence.depart(GROUP, "0")
        await settled()
        assert names(told[-1]) == (["P1", "P2"], ["P0"], 2)


async def test_groups_do_not_mix(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone(1))
        assert (await presence.arrive("room.2", someone(2))).total == 1
        presence.depart("room.2", "1")
        presence.depart("room.3", "1")
        assert presence.count_here(GROUP) == 1
        assert presence.count_here("room.3") == 0


@jumping
async def test_a_new_name_is_what_the_next_to_come_is_told(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, someone(1))
        presence.rename(GROUP, someone(1, "Zoë"))
        presence.rename(GROUP, someone(9, "Nobody"))
        await settled()
        online = await presence.arrive(GROUP, someone(2))
        assert [person.name for person in online.people] == ["Zoë", "P2"]


async def test_what_is_told_is_a_frame_of_the_contract(told: list[PresenceChanged]) -> None:
    async with presence_of(Store(), told) as presence:
        await presence.arrive(GROUP, Person(id="1", name="A", guest=True))
        await eventually(lambda: told)
    assert msgspec.json.decode(encode(told[0])) == {
        "type": "presence",
        "joined": [{"id": "1", "name": "A", "guest": True}],
        "left": [],
        "online": 1,
    }


# --- groups that all have left ---


async def test_a_group_that_all_have_left_is_forgotten(told: list[PresenceChanged]) -> None:
    async with presence_of(store := Store(), told) as presence:
        await presence.arrive(GROUP, someone())
        await eventually(lambda: told)
        presence.depart(GROUP, "1")
        await eventually(lambda: not presence._here)
        assert not store._groups


class HeldElsewhere(Store):
    """Another process has a lease of all: nobody joins or leaves by what this one does."""

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        _, view = await super().take(group, person)
        return False, view

    async def give_back(self, group: str, person_id: str) -> bool:
        await super().give_back(group, person_id)
        return False


async def test_a_group_is_forgotten_though_another_process_still_has_its_people(
    told: list[PresenceChanged],
) -> None:
    async with presence_of(HeldElsewhere(), told) as presence:
        for number in range(10):
            await presence.arrive(f"room.{number}", someone())
            presence.depart(f"room.{number}", "1")
        await eventually(lambda: not presence._here)
        assert told == []


async def test_a_group_is_forgotten_that_the_store_never_heard_of(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store(), told) as presence:
        store.away = True
        await presence.arrive(GROUP, someone())
        presence.depart(GROUP, "1")
        store.away = False
        await eventually(lambda: not presence._here)


async def test_whoever_comes_back_meanwhile_is_not_forgotten(told: list[PresenceChanged]) -> None:
    async with presence_of(HeldElsewhere(), told) as presence:
        await presence.arrive(GROUP, someone(1))
        working = set(presence._tasks)
        presence.depart(GROUP, "1")
        await presence.arrive(GROUP, someone(2))
        await eventually(lambda: presence._tasks <= working)
        assert presence.groups == [GROUP]


# --- the leases ---


async def test_no_lease_is_renewed_in_a_group_that_all_have_left(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    monkeypatch.setattr(module, "BATCH_DELAY", 30)  # so that it is not forgotten meanwhile
    async with presence_of(store := Store(), told) as presence:
        await presence.arrive("room.left", someone(1))
        presence.depart("room.left", "1")
        await eventually(lambda: not store._groups)
        await presence.arrive(GROUP, someone(2))
        await eventually(lambda: store.renewed.count(["2"]) >= 4)
        assert [] not in store.renewed


async def test_leases_are_renewed_while_their_people_are_here(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store(), told) as presence:
        for number in range(2):
            await presence.arrive(GROUP, someone(number))
        await eventually(lambda: store.renewed.count(["0", "1"]) >= 2)


@jumping
async def test_a_lease_that_is_given_back_after_it_was_taken_again_is_taken_again() -> None:
    """Two calls on two connections may change places."""
    async with presence_of(store := Store()) as presence:
        await presence.arrive(GROUP, someone(1))
        await presence.arrive(GROUP, someone(2))
        give_back = store.give_back

        async def late(group: str, person_id: str) -> bool:
            await asyncio.sleep(0.01)
            return await give_back(group, person_id)

        store.give_back = late  # type: ignore[method-assign]
        presence.depart(GROUP, "1")
        await asyncio.sleep(0)
        await presence.arrive(GROUP, someone(1))
        await settled()
        assert (await store.view(GROUP)).total == 2


@jumping
async def test_a_lease_that_was_renewed_after_it_was_given_back_is_given_back() -> None:
    async with presence_of(store := Store()) as presence:
        for number in (1, 2):
            await presence.arrive(GROUP, someone(number))
        renew = store.renew

        async def late(group: str, people: list[Person]) -> Change:
            presence.depart(GROUP, "1")
            await asyncio.sleep(0.01)
            return await renew(group, people)

        store.renew = late  # type: ignore[method-assign]
        await asyncio.sleep(module.REFRESH_INTERVAL + 0.15)
        assert (await store.view(GROUP)).total == 1
