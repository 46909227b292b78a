"""A reader that stops reading: told if it looks in time, cut off if not, and never a bad frame."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from soak.services import running
from tests.e2e.client import PATIENCE, Socket, Visitor, raw, silent
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.workers import Site, Uvicorn
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

SLOW = "slow_socket_closed"
DATA = "x" * 4000
MOST = 2 * 1024 * 1024  # bytes: 1 MiB in the process, and a few hundred KiB in the kernel


@pytest.fixture(params=["chatsite.settings"])
def site(request: pytest.FixtureRequest, small_site: Site) -> Site:
    """The small one with those settings."""
    return Site(
        small_site.directory,
        database_url=small_site.database_url,
        DJANGO_SETTINGS_MODULE=request.param,
    )


@pytest.fixture(params=[Production, Uvicorn], ids=["serve", "uvicorn"])
def server(request: pytest.FixtureRequest, site: Site) -> Iterator[Served]:
    """The two whose `send` waits for the reader, or that do not need it."""
    worker = request.param(site, f"slow-{request.param.__name__.lower()}")
    with running(worker):
        yield Served(site, [worker])


@asynccontextmanager
async def beside_a_deaf_one(server: Served) -> AsyncIterator[tuple[Any, Socket, Visitor]]:
    """A client that has stopped reading, one that talks to it, and whose the first is."""
    ann, ben = await server.guests("Ann", "Ben")
    room = await server.room()
    async with (
        ann.in_room(server.first, room) as at_ann,
        raw(server.first, f"/ws/chat/{room}/", token=ben.access, ping_interval=None) as deaf,
    ):
        await at_ann.sees("joined", ben)
        deaf.transport.pause_reading()
        yield deaf, at_ann, ben


async def talk_until_it_is_given_up(server: Served, at_ann: Socket) -> None:
    while SLOW not in server.first.logged():
        await at_ann.send(type="event", name="noise", data=DATA, ref="r")
        await at_ann.until("sent")


async def test_it_is_cut_off_a_second_after_it_was_given_up(server: Served) -> None:
    async with beside_a_deaf_one(server) as (_, at_ann, ben):
        await talk_until_it_is_given_up(server, at_ann)
        watch = Stopwatch(server.first)
        await at_ann.sees("left", ben)
        assert_below(watch.seconds, 3.5)  # one second, and presence has its turn
    assert "Traceback" not in server.first.logged()


@pytest.mark.parametrize("site", ["tests.e2e.unhurried_settings"], indirect=True)
async def test_if_it_reads_on_in_time_it_gets_whole_frames_and_4508(server: Served) -> None:
    async with beside_a_deaf_one(server) as (deaf, at_ann, _):
        await talk_until_it_is_given_up(server, at_ann)
        deaf.transport.resume_reading()
        async with asyncio.timeout(PATIENCE):
            *_, last = [frame async for frame in frames_of(deaf)]
        assert '"closing"' in last
        assert '"code":4508' in last
        assert deaf.close_code == 4508


@pytest.mark.parametrize("server", [Production], indirect=True)
async def test_what_a_deaf_one_costs_is_bounded_beside_the_process_too(server: Served) -> None:
    """Of all that was said to it, most was never taken over by the kernel."""
    ann, ben = await server.guests("Ann", "Ben")
    room = await server.room()
    async with (
        ann.in_room(server.first, room) as at_ann,
        silent(server.first, f"/ws/chat/{room}/", token=ben.access),
    ):
        said = 0
        while SLOW not in server.first.logged():
            await at_ann.send(type="event", name="noise", data=DATA, ref="r")
            await at_ann.until("sent")
            said += len(DATA)
            assert said < MOST


async def frames_of(connection: Any) -> AsyncIterator[str]:
    """Until it is closed; a frame that is cut would end it with 1002 or 1007."""
    with suppress(ConnectionClosed):
        while True:
            yield await connection.recv()
