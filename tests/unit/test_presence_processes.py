"""Each process tells its own sockets of everybody, whichever of them hears of what first."""

import asyncio

import pytest

from realtime import presence as module
from realtime.frames import Person
from realtime.presence_store import View
from tests.clock import jumping
from tests.presence import (
    GROUP,
    Page,
    Store,
    limit_named,
    processes,
    settled,
    someone,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("soon")


@jumping
async def test_each_process_tells_its_own_sockets_of_everybody() -> None:
    async with processes(2, Store()) as [(one, at_one), (two, at_two)]:
        for number in range(4):
            await (one if number % 2 else two).arrive(GROUP, someone(number))
        await one.arrive(GROUP, someone(0))  # who is at both came once
        await settled()
        assert at_two.shown == ["P0", "P1", "P2", "P3"]
        assert at_one.shown == ["P1", "P2", "P3"]  # P0 was in the welcome of P1
        assert [hub.told[0].online for hub in (at_one, at_two)] == [4, 4]
        assert [len(hub.told) for hub in (at_one, at_two)] == [1, 1]


@jumping
async def test_who_changes_from_one_process_to_another_stays() -> None:
    """Whichever hears of which first: what each did is not what the other tells."""
    async with processes(2, Store()) as [(one, at_one), (two, at_two)]:
        await one.arrive(GROUP, someone(1))
        await one.arrive(GROUP, someone(2))
        await two.arrive(GROUP, someone(3))
        await settled()
        for _ in range(5):
            one.depart(GROUP, "1")
            await asyncio.sleep(0.01)
            await two.arrive(GROUP, someone(1))
            await asyncio.sleep(0.01)
            two.depart(GROUP, "1")
            await one.arrive(GROUP, someone(1))
        await settled()
        assert at_one.shown == ["P1", "P2", "P3"]
        assert at_two.told[-1].online == 3
        assert {"P1", "P2", "P3"} >= set(at_two.shown) >= {"P3"}
        assert not any(person.name == "P1" for person in at_two.told[-1].left)


async def test_a_nudge_that_is_lost_is_made_up_for_by_a_renewal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.05)
    async with processes(2, Store()) as [(one, at_one), (two, _)]:
        await one.arrive(GROUP, someone(1))
        at_one.deaf = True
        await two.arrive(GROUP, someone(2))
        await eventually(lambda: at_one.shown == ["P1", "P2"])
        two.depart(GROUP, "2")
        await eventually(lambda: at_one.shown == ["P1"])


@jumping
async def test_a_nudge_brings_the_news_before_any_renewal() -> None:
    async with processes(2, Store()) as [(one, at_one), (two, _)]:
        await one.arrive(GROUP, someone(1))
        await two.arrive(GROUP, someone(2))
        async with asyncio.timeout(module.REFRESH_INTERVAL / 2):
            await eventually(lambda: at_one.shown == ["P1", "P2"])
            two.rename(GROUP, someone(2, "Zoë"))
            await eventually(lambda: at_one.shown == ["P1", "Zoë"])


@jumping
async def test_a_welcome_that_was_overtaken_names_those_who_came_meanwhile() -> None:
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, _)]:
        await one.arrive(GROUP, someone(1))
        old = await store.view(GROUP)
        await two.arrive(GROUP, someone(2))
        await settled()
        take = store.take

        async def slow(group: str, person: Person) -> tuple[bool, View]:
            await take(group, person)
            return True, old

        store.take = slow  # type: ignore[method-assign]
        page = await Page(at_one).open(one, someone(3))
        assert page.shown == (["P1", "P2", "P3"], 3)


@jumping
async def test_a_welcome_is_made_good_though_what_it_said_was_undone_at_once() -> None:
    """One person's page is reloaded while another's is opened; and one came and went."""
    async with processes(1, Store()) as [(one, at_one)]:
        for number in (1, 3):
            await one.arrive(GROUP, someone(number))
        await settled()
        without = await Page(at_one).open_amid_reload(one, someone(2), of=someone(1), at=one)
        assert without.shown == (["P1", "P2", "P3"], 3)
        await one.arrive(GROUP, someone(4))
        too_many = await Page(at_one).open(one, someone(5))
        one.depart(GROUP, "4")
        await settled()
        assert too_many.shown == without.shown == (["P1", "P2", "P3", "P5"], 4)


@jumping
async def test_in_a_large_group_a_count_is_made_good_too(monkeypatch: pytest.MonkeyPatch) -> None:
    limit_named(monkeypatch, 2)
    store = Store()
    async with processes(2, store) as [(one, at_one), (two, _)]:
        for number in range(1, 6):
            await two.arrive(GROUP, someone(number))
        await one.arrive(GROUP, someone(6))
        await settled()
        page = await Page(at_one).open_amid_reload(one, someone(6), of=someone(5), at=two)
        assert page.shown == ([], 6)
        store.away = True
        alone = await Page(at_one).open(one, someone(1))
        assert alone.shown[1] == 2
        store.away = False
        await asyncio.sleep(module.REFRESH_INTERVAL + 0.15)
        assert alone.shown[1] == 6
