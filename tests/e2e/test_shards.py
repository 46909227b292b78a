"""One Redis of several may die: what it carried is read from the log, and nobody notices else."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from soak.services import RedisServer, eventually, running
from tests.e2e.client import PATIENCE, Socket, Visitor
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

PROMPT = 1.0  # seconds, by a hint
READ = 2.0  # seconds: heads are compared once a beat is late, and every second from then on
BACK = 15.0
CARRIED = "asgi__group__room.*"


@pytest.fixture
def shards(tmp_path: Path) -> Iterator[list[RedisServer]]:
    servers = [RedisServer(tmp_path), RedisServer(tmp_path)]
    with running(*servers):
        yield servers


class Talk:
    """Ann and Ben in one room, on different workers."""

    def __init__(self, room: str, at_ann: Socket, at_ben: Socket) -> None:
        self.room = room
        self.at_ann, self.at_ben = at_ann, at_ben
        self._posts = self._hints = 0

    async def post(self, *, heard_within: float) -> None:
        self._posts += 1
        client_id, watch = str(self._posts), Stopwatch()
        await self.at_ann.say(f"message {client_id}", client_id)
        await self.at_ann.until("sent", client_id=client_id)
        assert_below(watch.seconds, PROMPT)
        await self.at_ben.until("message", client_id=client_id)
        assert watch.seconds < heard_within  # later, it was healed and not heard

    async def hint(self, *, heard_within: float) -> None:
        """An event, which no log has, comes through."""
        self._hints += 1
        watch = Stopwatch()
        await self.at_ann.send(type="event", name="hint", data=self._hints)
        await self.at_ben.until("event", data=self._hints)
        assert watch.seconds < heard_within  # later, it was healed and not heard

    async def hints_come(self) -> None:
        """One after the other is sent, until one comes through."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await self.at_ann.send(type="event", name="hint", data=0)
                with suppress(TimeoutError):
                    await self.at_ben.until("event", within=0.3)
                    return


async def one_room_on_each(
    stack: AsyncExitStack, served: Served, shards: list[RedisServer], ann: Visitor, ben: Visitor
) -> list[Talk]:
    """In the order of the shards."""
    found: dict[int, Talk] = {}
    while len(found) < len(shards):
        before = [len(shard.client.pubsub_channels(CARRIED)) for shard in shards]
        room = await served.room()
        at_ann = await stack.enter_async_context(ann.in_room(served.first, room))
        at_ben = await stack.enter_async_context(ben.in_room(served.last, room))

        def carrier(before: list[int] = before) -> list[int]:
            now = [len(shard.client.pubsub_channels(CARRIED)) for shard in shards]
            return [n for n, count in enumerate(now) if count > before[n]]

        await asyncio.to_thread(
            eventually, lambda: bool(carrier()), within=PATIENCE, what="a carrier"
        )
        found.setdefault(carrier()[0], Talk(room, at_ann, at_ben))
    return [found[number] for number in range(len(shards))]


@pytest.mark.parametrize(
    ("away", "back"), [("kill", "start"), ("freeze", "thaw")], ids=["killed", "frozen"]
)
@pytest.mark.parametrize("lost", [0, 1])
async def test_a_shard_that_is_lost_is_noticed_and_made_good(
    lost: int,
    away: str,
    back: str,
    large_site: Site,
    shards: list[RedisServer],
    serve: Callable[..., Served],
) -> None:
    url = ",".join(shard.url for shard in shards)
    site = Site(large_site.directory, database_url=large_site.database_url, redis_url=url)
    served = serve(Worker(site, "a-on-shards"), Worker(site, "b-on-shards"))
    ann, ben = await served.guests("Ann", "Ben")
    async with AsyncExitStack() as stack:
        talks = await one_room_on_each(stack, served, shards, ann, ben)
        hit, spared = talks[lost], talks[1 - lost]
        for talk in talks:
            await talk.hints_come()
            await talk.hint(heard_within=PROMPT)
        getattr(shards[lost], away)()
        for _ in range(4):
            await hit.post(heard_within=READ)
        await spared.post(heard_within=READ)
        await spared.hint(heard_within=PROMPT)

        getattr(shards[lost], back)()
        watch = Stopwatch()
        await hit.hints_come()
        assert_below(watch.seconds, BACK)
        for talk in talks:
            await talk.post(heard_within=PROMPT)
            assert talk.at_ann.open
            assert talk.at_ben.open
    for talk in talks:
        log = served.site.log(talk.room)
        assert ann.journal(talk.room).agrees_with(log)
        assert ben.journal(talk.room).agrees_with(log)
