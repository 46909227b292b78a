"""Every Redis that REDIS_URL can name carries frames, presence, topics and limits."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest

from soak.services import RedisServer, eventually, running
from tests.e2e.client import PATIENCE, Socket, call, connected
from tests.e2e.conftest import Served
from tests.e2e.redis_kinds import GuardedRedis, Replica, Sentinel, TlsRedis
from tests.e2e.workers import Site, Worker

Serve = Callable[..., Served]
ROOMS = "asgi__group__room.*"


@pytest.fixture
def site_on(small_site: Site, tmp_path: Path) -> Callable[[str], Site]:
    """A site of its own on that Redis; its database is a copy."""
    return lambda redis_url: small_site.copied_to(tmp_path, redis_url=redis_url)


@pytest.fixture
def run() -> Iterator[Callable[..., None]]:
    with ExitStack() as stack:
        yield lambda *services: stack.enter_context(running(*services))


async def moves_until_heard(at_ann: Socket, at_ben: Socket) -> None:
    """An event is lost for whom no server carries the room yet, and a welcome does not wait."""
    heard = asyncio.create_task(at_ben.until("event", name="move"))
    while not heard.done():
        await at_ann.send(type="event", name="move", data={"x": 1})
        await asyncio.wait([heard], timeout=0.2)
    await heard


async def talk_across(served: Served, room: str) -> None:
    """What is not in the database, from the first worker to the last."""
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        await at_ann.sees("joined", ben, online=2)
        await moves_until_heard(at_ann, at_ben)
        await at_ben.say("hi", "1")
        await at_ann.until("message", text="hi")
    async with connected(served.first, "/ws/topics/", token=ann.access) as at_topics:
        await at_topics.send(type="subscribe", topic=f"t.{room}")
        await at_topics.until("subscribed")
        answer = await call(
            served.last, "POST", f"/api/topics/t.{room}/", token=ben.access, data={"x": 1}
        )
        assert answer.body == {"offset": 1}
        await at_topics.until("publication")


@pytest.mark.parametrize("kind", [GuardedRedis, TlsRedis])
async def test_a_redis_with_a_password_or_over_tls_carries_all(
    kind: type[RedisServer],
    site_on: Callable[[str], Site],
    tmp_path: Path,
    run: Callable[..., None],
    serve: Serve,
) -> None:
    redis = kind(tmp_path)
    run(redis)
    site = site_on(redis.url)
    served = serve(Worker(site, "a"), Worker(site, "b"))
    await talk_across(served, await served.room())
    assert served.first.says("/readyz")


async def test_two_shards_both_carry_rooms_and_the_first_keeps_the_engines_keys(
    site_on: Callable[[str], Site], tmp_path: Path, run: Callable[..., None], serve: Serve
) -> None:
    shards = [RedisServer(tmp_path), GuardedRedis(tmp_path)]
    run(*shards)
    site = site_on(", ".join(shard.url for shard in shards))
    served = serve(Worker(site, "a"), Worker(site, "b"))
    rooms = [await served.room() for _ in range(24)]
    (ann,) = await served.guests("Ann")
    async with AsyncExitStack() as stack:
        for room in rooms:
            await stack.enter_async_context(ann.in_room(served.first, room))
        await asyncio.to_thread(
            eventually,
            lambda: all(shard.client.pubsub_channels(ROOMS) for shard in shards),
            within=PATIENCE,
            what="both shards to carry rooms",
        )
    for room in rooms[::4]:
        await talk_across(served, room)
    first, second = (shard.client.dbsize() for shard in shards)
    assert first > 0
    assert second == 0


async def test_a_redis_whose_certificate_is_not_vouched_for_is_not_spoken_to(
    site_on: Callable[[str], Site], tmp_path: Path, run: Callable[..., None]
) -> None:
    redis = TlsRedis(tmp_path)
    run(redis)
    worker = Worker(site_on(redis.url.partition("?")[0]), "doubting")
    worker.launch()
    try:
        await asyncio.to_thread(
            eventually, lambda: worker.says("/healthz"), within=60, what="the worker"
        )
        answer = await call(worker, "GET", "/readyz")
        assert answer.status == 503
        assert answer.body["failed"] == ["layer"]
    finally:
        worker.stop()


async def test_a_redis_that_a_sentinel_replaces_is_followed_to_its_replica(
    site_on: Callable[[str], Site], tmp_path: Path, run: Callable[..., None], serve: Serve
) -> None:
    master = RedisServer(tmp_path)
    replica, sentinel = Replica(tmp_path, of=master), Sentinel(tmp_path, master=master)
    run(master, replica)
    eventually(lambda: replica.follows, within=PATIENCE, what="the replica to follow")
    run(sentinel)  # it asks the master who follows it, and then not for 10 s
    eventually(lambda: sentinel.knows_a_replica, within=PATIENCE, what="the sentinel to find it")
    site = site_on(sentinel.url)
    served = serve(Worker(site, "a"), Worker(site, "b"))
    rooms = [await served.room(), await served.room()]
    await talk_across(served, rooms[0])
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, rooms[1]) as at_ann,
        ben.in_room(served.last, rooms[1]) as at_ben,
    ):
        master.kill()
        await asyncio.to_thread(
            eventually,
            lambda: sentinel.master_port == replica.port,
            within=90,  # a Sentinel that stood still for 2 s trusts no clock for 30
            what="the failover",
        )
        await at_ann.say("in the log whatever Redis does", "1")
        await at_ben.until("message")
        await moves_until_heard(at_ann, at_ben)
    await talk_across(served, rooms[0])
