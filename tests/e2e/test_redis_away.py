"""Redis may die and come back: nobody's socket closes, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest

from soak.services import RedisServer, eventually
from tests.e2e.client import PATIENCE, Socket, Visitor
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

PROMPT = 1.0  # seconds: an acknowledgement never waits for Redis
READ = 2.0  # seconds: the log is read once a beat is late, and every second from then on
BACK = 5.0  # seconds until hints are carried again
LEASES_TAKEN = 6.0  # seconds until every worker has told again who is with it


@dataclass
class Pair:
    """Two people on different workers, with a Redis between them that may die."""

    redis: RedisServer
    served: Served
    room: str
    ann: Visitor
    ben: Visitor
    at_ann: Socket
    at_ben: Socket
    posts: int = 0

    async def post(self, *, heard_within: float) -> None:
        """Ann posts, and Ben hears it."""
        self.posts += 1
        client_id = str(self.posts)
        watch = Stopwatch()
        await self.at_ann.say(f"message {client_id}", client_id)
        await self.at_ann.acknowledged([client_id])
        seq = self.at_ann.journal.acknowledged[client_id]
        await self.at_ann.caught_up(seq)
        assert_below(watch.seconds, PROMPT)
        await self.at_ben.caught_up(seq)
        assert watch.seconds < heard_within  # later, it was healed and not heard

    async def online(self) -> int:
        """As told to somebody who looks in, beside that person."""
        (visitor,) = await self.served.guests("Looking in")
        async with visitor.in_room(self.served.first, self.room) as socket:
            return int(socket.welcome["online"]) - 1

    async def hints_are_back(self) -> None:
        """Ask until an event, which is only ever carried by a hint, comes through."""
        watch = Stopwatch()
        async with asyncio.timeout(PATIENCE):
            while not [frame for frame in self.at_ben.frames if frame["type"] == "event"]:
                await self.at_ann.send(type="event", name="hint", data=None)
                with suppress(TimeoutError):
                    await self.at_ben.until("event", within=0.2)
        assert_below(watch.seconds, BACK)


@pytest.fixture
async def pair(
    large_site: Site, own_redis: RedisServer, serve: Callable[..., Served]
) -> AsyncIterator[Pair]:
    site = Site(large_site.directory, database_url=large_site.database_url, redis_url=own_redis.url)
    served = serve(Worker(site, "a-without-redis", runserver=True), Worker(site, "b-without-redis"))
    async with two_people(own_redis, served) as pair:
        yield pair


@asynccontextmanager
async def two_people(redis: RedisServer, served: Served) -> AsyncIterator[Pair]:
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        yield Pair(redis, served, room, ann, ben, at_ann, at_ben)


@pytest.mark.parametrize(
    ("away", "back"), [("kill", "start"), ("freeze", "thaw")], ids=["killed", "frozen"]
)
async def test_without_redis_people_go_on_talking(pair: Pair, away: str, back: str) -> None:
    await pair.post(heard_within=PROMPT)
    getattr(pair.redis, away)()
    for _ in range(4):
        await pair.post(heard_within=READ)
    # Whoever comes now comes in, too.
    (cem,) = await pair.served.guests("Cem")
    async with cem.in_room(pair.served.last, pair.room, after=0) as at_cem:
        await at_cem.caught_up(pair.ben.journal(pair.room).last or 0)
    assert pair.served.first.says("/healthz")
    assert not pair.served.first.says("/readyz")

    getattr(pair.redis, back)()
    await pair.hints_are_back()
    for _ in range(5):
        await pair.post(heard_within=PROMPT)
    assert pair.at_ann.open
    assert pair.at_ben.open
    log = pair.served.site.log(pair.room)
    assert pair.ann.journal(pair.room).agrees_with(log)
    assert pair.ben.journal(pair.room).agrees_with(log)
    for worker in pair.served.workers:  # once its own beat, too, was heard
        eventually(worker.answers, within=PATIENCE, what=f"{worker.name} to be ready")


async def test_after_redis_lost_everything_presence_is_told_anew(pair: Pair) -> None:
    await pair.at_ann.until("presence", online=2)
    pair.redis.kill()
    pair.redis.start()
    watch = Stopwatch()
    async with asyncio.timeout(PATIENCE):
        while await pair.online() != 2:
            with suppress(TimeoutError):
                await pair.at_ann.until("presence", within=0.3)
    assert_below(watch.seconds, LEASES_TAKEN)
