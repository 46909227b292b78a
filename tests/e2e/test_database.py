"""The promises of the log where many write at the same time: on PostgreSQL in two workers."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.e2e.client import Visitor, call, connected
from tests.e2e.conftest import Served
from tests.e2e.workers import Worker


async def test_fifty_posts_with_one_client_id_store_one_row(served: Served) -> None:
    room = await served.room()
    (ann,) = await served.guests("Ann")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connected(
                    served.workers[n % len(served.workers)], f"/ws/chat/{room}/", token=ann.access
                )
            )
            for n in range(50)
        ]
        await asyncio.gather(*(at.say(f"text {n}", "same") for n, at in enumerate(sockets)))
        for at in sockets:
            await at.acknowledged(["same"])
            await at.caught_up(2)
    (stored,) = [entry for entry in served.site.log(room) if entry.kind == "message"]
    for at in sockets:
        assert at.journal.frames == [stored.frame]
        (sent,) = [frame for frame in at.frames if frame["type"] == "sent"]
        assert (sent["seq"], sent["timestamp"]) == (stored.seq, stored.frame["timestamp"])


async def test_posts_of_many_at_once_are_numbered_without_holes(served: Served) -> None:
    room = await served.room()
    people = await served.guests(*(f"Person {n}" for n in range(10)))
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                person.in_room(served.workers[n % len(served.workers)], room)
            )
            for n, person in enumerate(people)
        ]
        for number in range(30):
            await asyncio.gather(*(at.say(str(number), str(number)) for at in sockets))
        for at in sockets:
            await at.acknowledged(map(str, range(30)))
            await at.caught_up(301)
    log = served.site.log(room)
    assert [entry.seq for entry in log] == list(range(1, 302))
    for person in people:
        journal = person.journal(room)
        assert journal.agrees_with(log)
        mine = [entry for entry in log if entry.frame.get("from") == person.person]
        assert [entry.client_id for entry in mine] == [str(number) for number in range(30)]
        assert journal.acknowledged == {entry.client_id: entry.seq for entry in mine}


async def test_posts_into_two_rooms_at_once_wait_for_each_other_and_never_in_a_ring(
    served: Served,
) -> None:
    rooms = [await served.room(), await served.room()]
    (ann,) = await served.guests("Ann")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connected(worker, f"/ws/chat/{room}/", token=ann.access)
            )
            for worker in served.workers
            for room in (rooms if worker is served.first else reversed(rooms))
        ]
        for number in range(40):
            await asyncio.gather(*(at.say("both", f"{n}-{number}") for n, at in enumerate(sockets)))
        for n, at in enumerate(sockets):
            await at.acknowledged(f"{n}-{number}" for number in range(40))
    for room in rooms:
        head = 1 + 40 * len(served.workers)
        assert [entry.seq for entry in served.site.log(room)] == list(range(1, head + 1))


async def test_posts_over_http_and_sockets_share_their_client_ids(served: Served) -> None:
    room = await served.room()
    (ann,) = await served.guests("Ann")
    path = f"/api/rooms/{room}/messages/"
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.say("by socket", "same")
        sent = await at_ann.until("sent")
        answers = await asyncio.gather(
            *(
                asyncio.to_thread(
                    worker.call, "POST", path, token=ann.access, text="by HTTP", client_id="same"
                )
                for worker in served.workers * 5
            )
        )
    assert {(status, body["seq"]) for status, body in answers} == {(200, sent["seq"])}


@pytest.mark.parametrize("seconds", [300, -300])
async def test_tickets_are_good_at_every_worker_whatever_its_clock_says(
    seconds: int, large: Served, serve: Callable[..., Served]
) -> None:
    skewed = serve(Worker(large.site, "skewed", fault=f"skew:{seconds}")).first
    (ann,) = await large.guests("Ann")
    other = large.first
    for issuer, user in ((other, skewed), (skewed, other)):
        tickets = [await ticket(worker, ann) for worker in (issuer, user, issuer)]
        async with connected(user, f"/ws/notifications/?ticket={tickets[0]}") as at_ann:
            assert at_ann.welcome, at_ann.frames


async def ticket(worker: Worker, visitor: Visitor) -> str:
    status, body = await call(worker, "POST", "/api/ws-ticket/", token=visitor.access)
    assert status == 201, body
    return str(body["ticket"])
