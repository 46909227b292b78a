"""While the store of presence fails nobody waits, and what was missed is told once it is back."""

import asyncio

import pytest

from realtime import presence as module
from realtime import presence_store
from realtime.frames import PresenceChanged
from realtime.presence_store import MemoryPresence
from tests.clock import jumping
from tests.presence import (
    GROUP,
    Page,
    Store,
    names,
    presence_of,
    processes,
    settled,
    someone,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("soon")


@pytest.mark.parametrize("fault", ["away", "stuck"])
@jumping
async def test_without_the_store_one_is_told_who_is_known_here_and_nobody_waits(
    told: list[PresenceChanged], fault: str
) -> None:
    async with presence_of(store := Store(), told) as presence:
        await presence.arrive(GROUP, someone(1))
        setattr(store, fault, True)
        async with asyncio.timeout(1):
            online = await presence.arrive(GROUP, someone(2))
        assert (online.total, [person.name for person in online.people]) == (2, ["P1", "P2"])


async def test_when_the_store_is_back_leases_are_taken_again_and_told(
    told: list[PresenceChanged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    async with presence_of(store := Store(), told) as presence:
        store.away = True
        await presence.arrive(GROUP, someone(1))
        store.away = False
        await eventually(lambda: told)
        assert names(told[0]) == (["P1"], [], 1)
        assert (await store.view(GROUP)).total == 1


async def test_whoever_was_welcomed_without_the_store_is_named_all_once_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, _)]:
        await one.arrive(GROUP, someone(1))
        await two.arrive(GROUP, someone(2))
        await eventually(lambda: at_one.shown == ["P1", "P2"])
        store.away = True
        online = await one.arrive(GROUP, someone(3))
        assert [person.name for person in online.people] == ["P1", "P3"]
        store.away = False
        await eventually(lambda: at_one.shown == ["P1", "P2", "P3"])
        assert {person.name for person in at_one.told[-1].joined} == {"P1", "P2", "P3"}
        renewed, said = len(store.renewed), len(at_one.told)
        await eventually(lambda: len(store.renewed) > renewed + 10)
        assert len(at_one.told) == said  # once


@jumping
async def test_whoever_was_welcomed_without_the_store_is_told_though_the_next_finds_it() -> None:
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, _)]:
        await two.arrive(GROUP, someone(1))
        await two.arrive(GROUP, someone(3))
        await settled()
        store.away = True
        assert (await one.arrive(GROUP, someone(2))).total == 1
        store.away = False
        await store.take(GROUP, someone(2))  # it had heard of it, and its answer was lost
        await one.arrive(GROUP, someone(3))
        await asyncio.sleep(module.REFRESH_INTERVAL + 0.15)
        assert at_one.shown == ["P1", "P2", "P3"]


@jumping
async def test_whoever_was_named_without_the_store_and_has_gone_is_not_shown_for_ever() -> None:
    store = Store()
    async with processes(1, store) as [(one, at_one)]:
        await one.arrive(GROUP, someone(1))
        await settled()
        store.away = True
        await one.arrive(GROUP, someone(2))
        page = await Page(at_one).open(one, someone(3))
        one.depart(GROUP, "2")
        await asyncio.sleep(0)
        store.away = False
        await asyncio.sleep(module.REFRESH_INTERVAL + 0.15)
        assert page.shown == (["P1", "P3"], 2)


@jumping
async def test_nobody_is_said_to_have_left_because_the_store_lost_all() -> None:
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, at_two)]:
        await one.arrive(GROUP, someone(0))
        for number in (1, 2):
            await two.arrive(GROUP, someone(number))
        await asyncio.sleep(module.REFRESH_INTERVAL + 0.5)
        store.lose_all()
        two.depart(GROUP, "2")
        page = await Page(at_one).open(one, someone(3))
        await asyncio.sleep(1)
        assert page.shown == (["P0", "P1", "P2", "P3"], 4)
        await one.arrive(GROUP, someone(4))
        await settled()
        one.depart(GROUP, "4")
        assert page.shown == (["P0", "P1", "P2", "P3", "P4"], 5)  # who comes is told of meanwhile
        await asyncio.sleep(presence_store.LEASE + module.REFRESH_INTERVAL)
        assert page.shown == (["P0", "P1", "P3"], 3)
        gone = {person.name for hub in (at_one, at_two) for f in hub.told for person in f.left}
        assert gone == {"P2", "P4"}


async def test_whoever_left_while_the_store_was_away_is_told_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may have heard of it, and its answer been lost."""
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.01)
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, _)]:
        await one.arrive(GROUP, someone(1))
        await two.arrive(GROUP, someone(2))
        await eventually(lambda: at_one.shown == ["P1", "P2"])
        store.away = True
        two.depart(GROUP, "2")
        await asyncio.sleep(0.1)
        await MemoryPresence.give_back(store, GROUP, "2")
        store.away = False
        await eventually(lambda: at_one.shown == ["P1"])
        assert names(at_one.told[-1]) == ([], ["P2"], 1)
        await eventually(lambda: not two._here)
