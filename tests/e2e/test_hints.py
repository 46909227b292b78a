"""The channel layer is a hint: what it loses, repeats or reorders is read from the log."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.e2e.client import Socket, Visitor, call
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

MESSAGES = 30  # of each person
HEADS_COMPARED = 7.0  # seconds: every five, and told


@pytest.mark.parametrize("seed", [1, 2])
async def test_members_agree_with_the_database_whatever_becomes_of_hints(
    large_site: Site, serve: Callable[..., Served], seed: int
) -> None:
    served = serve(*(Worker(large_site, f"bad-{n}", fault=f"bad-hints:{seed}{n}") for n in (1, 2)))
    room = await served.room()
    people = await served.guests("Ann", "Ben", "Cem", "Dan")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(person.in_room(served.workers[n % 2], room))
            for n, person in enumerate(people)
        ]
        await asyncio.gather(*map(talk, people, sockets))
        log = large_site.log(room)
        watch = Stopwatch()
        await asyncio.gather(*(socket.caught_up(len(log)) for socket in sockets))
        assert_below(watch.seconds, HEADS_COMPARED)
    assert len(log) == 1 + MESSAGES * len(people)
    for person in people:
        assert person.journal(room).agrees_with(log)


async def talk(person: Visitor, socket: Socket) -> None:
    for number in range(MESSAGES):
        client_id = f"{person.name}-{number}"
        await socket.say(f"{number} from {person.name}", client_id)
        await socket.acknowledged([client_id])


async def test_what_is_unread_is_told_before_a_worker_ends(
    large: Served, serve: Callable[..., Served]
) -> None:
    """At most once a second, and so what was said within one waits."""
    ending = serve(Worker(large.site, "ending", runserver=True))
    room = await large.room()
    ann, ben = await large.guests("Ann", "Ben")
    joined = await call(large.last, "POST", f"/api/rooms/{room}/join/", token=ben.access)
    assert joined.status < 300, joined.body
    async with ben.at_the_bell(large.last) as at_ben, ann.in_room(ending.first, room) as at_ann:
        await at_ann.say("told at once", "1")
        await at_ben.until("room-unread", unread=1)
        await at_ann.say("told later", "2")
        await at_ann.until("sent", client_id="2")
        await asyncio.to_thread(ending.first.stop)
        await at_ben.until("room-unread", unread=2)
