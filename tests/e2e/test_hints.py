"""The channel layer is a hint: what it loses, repeats or reorders is read from the log."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.e2e.client import Socket, Visitor
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker

MESSAGES = 30  # of each person


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
        # Heads are compared every 5 s.
        await asyncio.gather(*(socket.caught_up(len(log), within=10) for socket in sockets))
    assert len(log) == 1 + MESSAGES * len(people)
    for person in people:
        assert person.journal(room).agrees_with(log)


async def talk(person: Visitor, socket: Socket) -> None:
    for number in range(MESSAGES):
        client_id = f"{person.name}-{number}"
        await socket.say(f"{number} from {person.name}", client_id)
        await socket.acknowledged([client_id])
