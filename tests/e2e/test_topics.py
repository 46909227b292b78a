"""Topics over several workers: one order for all, whatever becomes of hints and of Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from soak.services import RedisServer
from tests.e2e.client import PATIENCE, Socket, Visitor, call, connected
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

PUBLICATIONS = 30  # of each person
HEALED = 10.0  # seconds: heads are compared every 5 s
BACK = 15.0  # seconds until Redis is used again


@asynccontextmanager
async def two_people(served: Served) -> AsyncIterator[tuple[Socket, Socket]]:
    """On different workers."""
    ann, ben = await served.guests("Ann", "Ben")
    async with at_topics(served.first, ann) as at_ann, at_topics(served.last, ben) as at_ben:
        yield at_ann, at_ben


def at_topics(worker: Worker, visitor: Visitor) -> Any:
    return connected(worker, "/ws/topics/", token=visitor.access)


async def subscribe(socket: Socket, topic: str, **place: Any) -> dict[str, Any]:
    await socket.send(type="subscribe", topic=topic, **place)
    return await socket.until("subscribed", topic=topic)


def publications(socket: Socket) -> list[dict[str, Any]]:
    return [frame for frame in socket.frames if frame["type"] == "publication"]


async def heard(socket: Socket, offset: int) -> list[dict[str, Any]]:
    """All publications, once that one is among them."""
    watch = Stopwatch()
    if offset not in [frame["offset"] for frame in publications(socket)]:
        await socket.until("publication", offset=offset)
    assert_below(watch.seconds, HEALED)
    return publications(socket)


async def test_what_is_published_on_one_worker_is_heard_on_the_other(served: Served) -> None:
    topic = f"prices.{uuid4()}"
    async with two_people(served) as (at_ann, at_ben):
        opened = [await subscribe(socket, topic) for socket in (at_ann, at_ben)]
        assert opened[0] == opened[1]
        await at_ann.send(type="publish", topic=topic, data={"n": 1})
        assert (await at_ann.until("published"))["offset"] == 1
        status, body = await call(
            served.last, "POST", f"/api/topics/{topic}/", token=await served.staff(), data={"n": 2}
        )
        assert (status, body) == (200, {"offset": 2})
        await at_ben.send(type="publish", topic=topic, data={"n": 3})
        assert await heard(at_ann, 3) == await heard(at_ben, 3)
    assert [frame["data"]["n"] for frame in publications(at_ben)] == [1, 2, 3]
    assert [frame["offset"] for frame in publications(at_ben)] == [1, 2, 3]

    async with two_people(served) as (at_ann, at_ben):
        place = {"after": 1, "epoch": opened[0]["epoch"]}
        assert (await subscribe(at_ben, topic, **place))["recovered"] is True
        assert [frame["offset"] for frame in await heard(at_ben, 3)] == [2, 3]


async def test_a_persons_own_topic_is_theirs_on_every_worker(served: Served) -> None:
    ann, ben = await served.guests("Ann", "Ben")
    topic = f"user:{ann.id}:inbox"
    async with at_topics(served.first, ann) as at_ann, at_topics(served.last, ben) as at_ben:
        await subscribe(at_ann, topic)
        for frame in ({"type": "subscribe"}, {"type": "publish", "data": 1}):
            await at_ben.send(**frame, topic=topic)
            assert (await at_ben.until("error", topic=topic))["code"] == "forbidden"
        status, _ = await call(
            served.last, "POST", f"/api/topics/{topic}/", token=ben.access, data=1
        )
        assert status == 403
        status, _ = await call(
            served.last, "POST", f"/api/topics/{topic}/", token=await served.staff(), data="hers"
        )
        assert status == 200
        assert (await at_ann.until("publication"))["data"] == "hers"
    assert publications(at_ben) == []


async def test_subscribers_agree_on_one_order_whatever_becomes_of_hints(
    large_site: Site, serve: Callable[..., Served]
) -> None:
    served = serve(*(Worker(large_site, f"lossy-{n}", fault=f"bad-hints:{n}") for n in (1, 2)))
    topic = f"lossy.{uuid4()}"
    async with two_people(served) as (at_ann, at_ben):
        for socket in (at_ann, at_ben):
            await subscribe(socket, topic)
        last = max(await asyncio.gather(talk(at_ann, topic, "ann"), talk(at_ben, topic, "ben")))
        seen = await asyncio.gather(heard(at_ann, last), heard(at_ben, last))
    assert seen[0] == seen[1]
    assert [frame["offset"] for frame in seen[0]] == list(range(1, last + 1))
    for name in ("ann", "ben"):
        said = [frame["data"] for frame in seen[0] if frame["data"].startswith(name)]
        assert list(dict.fromkeys(said)) == [f"{name} {number}" for number in range(PUBLICATIONS)]


async def talk(socket: Socket, topic: str, name: str) -> int:
    """The last offset. What was unavailable, and is said again, may have been published."""
    return [await publish(socket, topic, f"{name} {each}") for each in range(PUBLICATIONS)][-1]


async def publish(socket: Socket, topic: str, data: str) -> int:
    """Its offset, as soon as topics are there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await socket.send(type="publish", topic=topic, data=data)
            while (answer := await socket.next())["type"] not in {"published", "error"}:
                assert answer["type"] != "close", answer
            if answer["type"] == "published":
                return int(answer["offset"])
            assert answer["code"] == "unavailable"
            await asyncio.sleep(answer["retry_after"])


async def test_redis_may_die_and_forget_and_everybody_is_told(
    large_site: Site, own_redis: RedisServer, serve: Callable[..., Served]
) -> None:
    site = Site(large_site.directory, database_url=large_site.database_url, redis_url=own_redis.url)
    served = serve(Worker(site, "a-loses-redis", runserver=True), Worker(site, "b-loses-redis"))
    async with two_people(served) as (at_ann, at_ben):
        before = await subscribe(at_ben, "t")
        await at_ann.send(type="publish", topic="t", data="before")
        await heard(at_ben, 1)

        own_redis.kill()
        await at_ann.send(type="publish", topic="t", data="lost", ref="p")
        error = await at_ann.until("error")
        assert (error["code"], error["topic"], error["ref"]) == ("unavailable", "t", "p")
        assert error["retry_after"] > 0
        status, body = await call(
            served.last, "POST", "/api/topics/t/", token=await served.staff(), data=1
        )
        assert (status, body["code"]) == (503, "unavailable")

        own_redis.start()
        watch = Stopwatch()
        await publish(at_ann, "t", "after")
        told = await at_ben.until("subscribed", topic="t")
        assert_below(watch.seconds, BACK)
        assert told["recovered"] is False
        assert told["epoch"] != before["epoch"]
        await at_ann.send(type="publish", topic="t", data="live")
        await at_ben.until("publication", data="live")
        assert at_ann.open
        assert at_ben.open
    assert [frame["data"] for frame in publications(at_ben)] == ["before", "after", "live"]
    assert [frame["offset"] for frame in publications(at_ben)] == [1, 1, 2]


async def test_a_redis_that_hangs_holds_up_no_room(
    large_site: Site, own_redis: RedisServer, serve: Callable[..., Served]
) -> None:
    site = Site(large_site.directory, database_url=large_site.database_url, redis_url=own_redis.url)
    served = serve(Worker(site, "hangs", runserver=True))
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        at_topics(served.first, ann) as at_topic,
        ben.in_room(served.first, room) as in_room,
    ):
        await subscribe(at_topic, "t")
        own_redis.freeze()
        try:
            for number in range(8):
                await at_topic.send(type="publish", topic="t", data=number)
                watch = Stopwatch()
                await in_room.say(f"message {number}", str(number))
                await in_room.until("sent", client_id=str(number))
                assert_below(watch.seconds, 1.0)
                error = await at_topic.until("error", topic="t")
                assert_below(watch.seconds, 3.0)
                assert error["code"] == "unavailable"
        finally:
            own_redis.thaw()
        assert at_topic.open
