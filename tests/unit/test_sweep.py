"""The sweep: what is looked at, when, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from realtime import sweep as module
from realtime.close_codes import CloseCode, ErrorCode
from realtime.credentials import Credential
from realtime.errors import Refused
from realtime.frames import Person
from realtime.sweep import Standing, Sweep

REFUSAL = Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "No longer.")


class Socket:
    def __init__(self, ground: str = "") -> None:
        person = Person(id="1", name="A")
        self.credential = Credential(user=None, person=person, kind="test", ground=ground)
        self.ended: list[Refused] = []
        self.gone = asyncio.Event()

    def end(self, refusal: Refused) -> None:
        self.ended.append(refusal)
        self.gone.set()


class Checker:
    """Ends the sockets that it was told to end; each look is kept."""

    def __init__(self) -> None:
        self.out: set[Standing] = set()
        self.looks: asyncio.Queue[set[Standing]] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.broken = False
        self.meanwhile: Callable[[], Any] = lambda: None

    def __call__(self, sockets: Sequence[Standing]) -> Iterable[tuple[Standing, Refused]]:
        out = self.out  # as it was when it looked: a test goes on from there
        self.loop.call_soon_threadsafe(self.looks.put_nowait, set(sockets))
        if self.broken:
            raise ConnectionError
        self.meanwhile()
        return [(socket, REFUSAL) for socket in sockets if socket in out]

    async def looked_at(self) -> set[Standing]:
        return await asyncio.wait_for(self.looks.get(), 30)


@asynccontextmanager
async def sweeping(
    monkeypatch: pytest.MonkeyPatch, *, unheard: bool = False, tick: float = 0.02
) -> AsyncIterator[tuple[Sweep, Checker]]:
    checker = Checker()
    monkeypatch.setattr(module, "_checks", [(checker, lambda socket: socket.credential.ground)])
    monkeypatch.setattr(module, "TICK", tick)
    sweep = Sweep(unheard=lambda: unheard)
    task = asyncio.create_task(sweep.run())
    try:
        yield sweep, checker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_was_just_let_in_is_looked_at_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sweeping(monkeypatch) as (sweep, checker):
        stays, goes = Socket(), Socket()
        checker.out = {goes}
        sweep.add(stays)
        sweep.add(goes)
        assert await checker.looked_at() == {stays, goes}
        await asyncio.wait_for(goes.gone.wait(), 30)
    assert (stays.ended, goes.ended) == ([], [REFUSAL])


@pytest.mark.parametrize(("keys", "sockets", "looks"), [(1, 99, 4), (2, 99, 2), (99, 7, 4)])
async def test_those_for_whom_the_same_is_read_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch, keys: int, sockets: int, looks: int
) -> None:
    monkeypatch.setattr(module, "KEYS", keys)
    monkeypatch.setattr(module, "BATCH", sockets)
    async with sweeping(monkeypatch, tick=60) as (sweep, checker):
        all_of_them = {Socket(ground=f"session:{place % 4}") for place in range(20)}
        for socket in all_of_them:
            sweep.add(socket)
        sweep.doubt(socket)
        found: set[Standing] = set()
        for _ in range(looks):
            looked_at = await checker.looked_at()
            assert len(looked_at) <= sockets
            assert len({each.credential.ground for each in looked_at}) <= keys
            assert not found & looked_at
            found |= looked_at
        assert found == all_of_them


async def test_doubt_does_not_wait_for_the_next_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sweeping(monkeypatch, tick=60) as (sweep, checker):
        one, other = Socket(), Socket()
        sweep.add(one)
        sweep.add(other)
        sweep.doubt(one)
        assert await checker.looked_at() == {one, other}  # both are new
        sweep.doubt(one)
        assert await checker.looked_at() == {one}
        sweep.doubt_all()
        assert await checker.looked_at() == {one, other}


@pytest.mark.parametrize("unheard", [True, False])
async def test_all_are_looked_at_again_and_again(
    monkeypatch: pytest.MonkeyPatch, unheard: bool
) -> None:
    """Sooner while the others are not heard: the other interval is out of reach here."""
    monkeypatch.setattr(module, "INTERVAL_UNHEARD" if unheard else "INTERVAL", 0.05)
    monkeypatch.setattr(module, "INTERVAL" if unheard else "INTERVAL_UNHEARD", 60)
    async with sweeping(monkeypatch, unheard=unheard) as (sweep, checker):
        socket = Socket()
        sweep.add(socket)
        for _ in range(3):
            assert await checker.looked_at() == {socket}


def test_without_the_others_a_sweep_comes_within_the_five_seconds_that_are_promised() -> None:
    assert module.INTERVAL_UNHEARD + module.TICK <= 4


async def test_who_is_gone_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    async with sweeping(monkeypatch, tick=60) as (sweep, checker):
        gone, stays = Socket(), Socket()
        sweep.add(gone)
        sweep.add(stays)
        sweep.discard(gone)
        sweep.doubt(gone)
        assert await checker.looked_at() == {stays}


async def test_what_could_not_be_looked_at_is_looked_at_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sweeping(monkeypatch) as (sweep, checker):
        socket = Socket()
        checker.out, checker.broken = {socket}, True
        sweep.add(socket)
        assert await checker.looked_at() == await checker.looked_at() == {socket}
        assert not socket.ended
        checker.broken = False
        await asyncio.wait_for(socket.gone.wait(), 30)


async def test_a_credential_that_was_renewed_meanwhile_is_not_judged_by_the_old_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sweeping(monkeypatch, tick=60) as (sweep, checker):
        socket = Socket()

        def renew() -> None:
            socket.credential = Socket().credential

        checker.out, checker.meanwhile = {socket}, renew
        sweep.add(socket)
        sweep.doubt(socket)
        await checker.looked_at()
        checker.out = set()
        sweep.doubt(socket)
        await checker.looked_at()
    assert not socket.ended
