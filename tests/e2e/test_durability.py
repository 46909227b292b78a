"""What is acknowledged is stored exactly once, whenever a worker dies."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.e2e.client import PATIENCE, Closed, Socket, Visitor, call
from tests.e2e.conftest import Served
from tests.e2e.workers import FATAL, Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

HEADS_COMPARED = 7.0  # seconds: every five, and told
DIED = 9  # the exit code of soak.faulty
Serve = Callable[..., Served]


@pytest.fixture(params=["small", "large"])
def site(request: pytest.FixtureRequest) -> Site:
    """A site whose workers this test may kill."""
    fixture = "own_site" if request.param == "small" else "large_site"
    found: Site = request.getfixturevalue(fixture)
    return found


async def test_a_worker_that_dies_between_commit_and_ack_loses_and_doubles_nothing(
    site: Site, serve: Serve
) -> None:
    served = serve(Worker(site, "dying", fault="die-before-ack"))
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.say("before", "1")
        await at_ann.until("message")
        await at_ann.say(FATAL, "2")
        assert await at_ann.closed() == 1006
    assert served.first.ended(within=PATIENCE) == DIED
    assert "2" not in ann.journal(room).acknowledged
    (stored,) = [entry for entry in site.log(room) if entry.client_id == "2"]

    served.first.restart(fault="")
    async with ann.in_room(served.first, room) as at_ann:
        # Recovery gives what nobody was told of, once; a resend gets its number.
        assert (await at_ann.until("message"))["seq"] == stored.seq
        for _ in range(2):
            await at_ann.say(FATAL, "2")
            assert (await at_ann.until("sent", client_id="2"))["seq"] == stored.seq
        await at_ann.say("after", "3")
        assert (await at_ann.until("message"))["seq"] == stored.seq + 1
    async with ben.in_room(served.first, room, after=0) as at_ben:
        await at_ben.caught_up(stored.seq + 1)
    log = site.log(room)
    assert [entry.client_id for entry in log] == [None, "1", "2", "3"]
    assert ann.journal(room).agrees_with(log)
    assert ben.journal(room).agrees_with(log)


async def test_what_was_committed_and_never_published_reaches_the_members_elsewhere(
    large: Served, serve: Serve
) -> None:
    dying = serve(Worker(large.site, "dying", fault="hold-before-publish"))
    room = await large.room()
    ann, ben = await large.guests("Ann", "Ben")
    async with ben.in_room(large.first, room) as at_ben:
        async with ann.in_room(dying.first, room) as at_ann:
            await at_ann.say(FATAL, "1")
            sent = await at_ann.until("sent", client_id="1")
            watch = Stopwatch()
            dying.first.kill()
            assert await at_ann.closed() == 1006
        assert (await at_ben.until("message"))["seq"] == sent["seq"]
        assert_below(watch.seconds, HEADS_COMPARED)
        async with ann.in_room(large.first, room) as at_ann:
            await at_ann.caught_up(sent["seq"])  # or she was, by the heads of the worker that died
            await at_ann.say(FATAL, "1")
            await at_ann.until("sent", seq=sent["seq"])
    log = large.site.log(room)
    assert [entry.client_id for entry in log].count("1") == 1
    assert ann.journal(room).agrees_with(log)
    assert ben.journal(room).agrees_with(log)


async def test_what_was_committed_and_never_published_is_there_after_a_restart(
    own_site: Site, serve: Serve
) -> None:
    served = serve(Worker(own_site, "dying", fault="hold-before-publish"))
    room = await served.room()
    (ann,) = await served.guests("Ann")
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.say(FATAL, "1")
        sent = await at_ann.until("sent", client_id="1")
        served.first.kill()
    served.first.restart(fault="")
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.caught_up(sent["seq"])
    assert ann.journal(room).agrees_with(own_site.log(room))


class Author:
    """Posts and, wherever the connection breaks, comes back to resend what nobody acknowledged."""

    IN_FLIGHT = 4
    BACKOFF = 0.1  # seconds

    def __init__(
        self, visitor: Visitor, worker: Worker, room: str, *, count: int, progress: asyncio.Event
    ) -> None:
        """`progress` is set whenever posts are acknowledged."""
        self.visitor = visitor
        self.worker = worker
        self.room = room
        self.progress = progress
        self.posts = {f"{visitor.name}-{n}": f"{n} from {visitor.name}" for n in range(count)}

    @property
    def acknowledged(self) -> dict[str, int]:
        journal = self.visitor.journals.get(f"/ws/chat/{self.room}/")
        return journal.acknowledged if journal else {}

    async def post_all(self) -> None:
        while self.acknowledged.keys() < self.posts.keys():
            try:
                async with self.visitor.in_room(self.worker, self.room) as socket:
                    await self._post(socket)
            except (Closed, ConnectionClosed, InvalidHandshake, OSError):
                await asyncio.sleep(self.BACKOFF)

    async def _post(self, socket: Socket) -> None:
        left = [client_id for client_id in self.posts if client_id not in self.acknowledged]
        for start in range(0, len(left), self.IN_FLIGHT):
            some = left[start : start + self.IN_FLIGHT]
            for client_id in some:
                await socket.say(self.posts[client_id], client_id)
            await socket.acknowledged(some)
            self.progress.set()


async def until_acknowledged(authors: list[Author], count: int, progress: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        while sum(len(author.acknowledged) for author in authors) < count:
            progress.clear()
            await progress.wait()


async def test_a_worker_killed_while_people_post_loses_and_doubles_nothing(
    site: Site, serve: Serve
) -> None:
    workers = [Worker(site, "killed", runserver=True)]
    if not site.alone:
        workers.append(Worker(site, "spared"))
    served = serve(*workers)
    room = await served.room()
    visitors = await served.guests("Ann", "Ben", "Cem", "Dan")
    progress = asyncio.Event()
    authors = [
        Author(visitor, workers[number % len(workers)], room, count=60, progress=progress)
        for number, visitor in enumerate(visitors)
    ]
    posting = [asyncio.create_task(author.post_all()) for author in authors]
    for count in (40, 140):
        await until_acknowledged(authors, count, progress)
        served.first.kill()
        await asyncio.to_thread(served.first.start)
    async with asyncio.timeout(2 * PATIENCE):
        await asyncio.gather(*posting)

    log = site.log(room)
    stored = Counter(entry.client_id for entry in log if entry.kind == "message")
    assert stored == Counter(client_id for author in authors for client_id in author.posts)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    numbers = {entry.client_id: entry.seq for entry in log if entry.client_id}
    for author in authors:
        assert author.acknowledged.items() <= numbers.items()
        async with author.visitor.in_room(author.worker, room) as socket:
            await socket.caught_up(len(log))
        assert author.visitor.journal(room).agrees_with(log)


async def test_a_worker_that_is_told_to_end_says_so_and_history_is_there_after_it(
    site: Site, serve: Serve
) -> None:
    served = serve(Worker(site, "restarted", runserver=True))
    room = await served.room()
    (ann,) = await served.guests("Ann")
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.say("before", "1")
        await at_ann.until("message")
        await asyncio.to_thread(served.first.stop)
        closing = await at_ann.until("closing")
        assert closing["code"] == 4503
        assert closing["retry_after"] > 0
        assert await at_ann.closed() == 4503
    served.first.start()
    async with ann.in_room(served.first, room) as at_ann:
        await at_ann.send(type="history", limit=10)
        events = (await at_ann.until("history"))["events"]
        assert [event["seq"] for event in events] == [1, 2]
        await at_ann.say("after", "2")
        assert (await at_ann.until("message"))["seq"] == 3
    path = f"/api/rooms/{room}/events/"
    status, page = await call(served.first, "GET", path, token=ann.access)
    assert status == 200
    assert page["results"] == [entry.frame for entry in site.log(room)]
