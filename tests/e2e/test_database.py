"""The promises of the log on PostgreSQL, where two workers write at the same time."""

import asyncio
from contextlib import AsyncExitStack

from tests.e2e.client import connected
from tests.e2e.conftest import Served


async def test_fifty_posts_with_one_client_id_store_one_row(large: Served) -> None:
    room = await large.room()
    (ann,) = await large.guests("Ann")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connected(large.workers[n % 2], f"/ws/chat/{room}/", token=ann.access)
            )
            for n in range(50)
        ]
        await asyncio.gather(*(at.say(f"text {n}", "same") for n, at in enumerate(sockets)))
        for at in sockets:
            await at.acknowledged(["same"])
            await at.caught_up(2)
    (stored,) = [entry for entry in large.site.log(room) if entry.kind == "message"]
    for at in sockets:
        assert at.journal.frames == [stored.frame]
        (sent,) = [frame for frame in at.frames if frame["type"] == "sent"]
        assert (sent["seq"], sent["timestamp"]) == (stored.seq, stored.frame["timestamp"])


async def test_posts_of_many_on_two_workers_are_numbered_without_holes(large: Served) -> None:
    room = await large.room()
    people = await large.guests(*(f"Person {n}" for n in range(10)))
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(person.in_room(large.workers[n % 2], room))
            for n, person in enumerate(people)
        ]
        for number in range(30):
            await asyncio.gather(*(at.say(str(number), str(number)) for at in sockets))
        for at in sockets:
            await at.acknowledged(map(str, range(30)))
            await at.caught_up(301)
    log = large.site.log(room)
    assert [entry.seq for entry in log] == list(range(1, 302))
    for person in people:
        journal = person.journal(room)
        assert journal.agrees_with(log)
        mine = [entry for entry in log if entry.frame.get("from") == person.person]
        assert [entry.client_id for entry in mine] == [str(number) for number in range(30)]
        assert journal.acknowledged == {entry.client_id: entry.seq for entry in mine}


async def test_posts_into_two_rooms_at_once_wait_for_each_other_and_never_in_a_ring(
    large: Served,
) -> None:
    rooms = [await large.room(), await large.room()]
    (ann,) = await large.guests("Ann")
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                connected(worker, f"/ws/chat/{room}/", token=ann.access)
            )
            for worker in large.workers
            for room in (rooms if worker is large.first else reversed(rooms))
        ]
        for number in range(40):
            await asyncio.gather(*(at.say("both", f"{n}-{number}") for n, at in enumerate(sockets)))
        for n, at in enumerate(sockets):
            await at.acknowledged(f"{n}-{number}" for number in range(40))
    for room in rooms:
        assert [entry.seq for entry in large.site.log(room)] == list(range(1, 82))


async def test_posts_over_http_and_sockets_share_their_client_ids(large: Served) -> None:
    room = await large.room()
    (ann,) = await large.guests("Ann")
    path = f"/api/rooms/{room}/messages/"
    async with ann.in_room(large.first, room) as at_ann:
        await at_ann.say("by socket", "same")
        sent = await at_ann.until("sent")
        answers = await asyncio.gather(
            *(
                asyncio.to_thread(
                    worker.call, "POST", path, token=ann.access, text="by HTTP", client_id="same"
                )
                for worker in large.workers * 5
            )
        )
    assert {(status, body["seq"]) for status, body in answers} == {(200, sent["seq"])}
