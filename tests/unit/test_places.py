"""Numbers of sockets: alone, with others over Redis, and while that is away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from realtime import limit_store, redis
from realtime import places as module
from realtime.limit_store import RedisCounts
from realtime.places import Places, SharedPlaces
from soak.machine import free_port


@pytest.fixture
async def make(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], Awaitable[SharedPlaces]]]:
    """Workers, each with its lease, which lasts."""
    monkeypatch.setattr(limit_store, "LEASE", 3600)
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 3600)
    made = []

    async def one() -> SharedPlaces:
        made.append(SharedPlaces())
        await leased(made[-1])
        return made[-1]

    yield one
    for each in made:
        await each.close()


async def leased(places: SharedPlaces) -> None:
    async with asyncio.timeout(60):
        while not places._leased:  # noqa: ASYNC110 - by a task of its own
            await asyncio.sleep(0.005)


async def told(places: SharedPlaces) -> None:
    """Wait until Redis knows all that happened here."""
    while len(places._tasks) > 1:  # noqa: ASYNC110 - the keeper of the lease stays
        await asyncio.sleep(0)


async def taken(places: Places, attempts: int, limit: int = 5) -> int:
    return sum([await places.take("a", limit=limit) for _ in range(attempts)])


async def test_alone_a_place_that_is_given_back_is_another_s() -> None:
    places = Places()
    assert await taken(places, 50) == 5
    places.give_back("a")
    assert await taken(places, 50) == 1
    for _ in range(5):
        places.give_back("a")
    assert not places._here
    assert await taken(places, 50) == 5


async def test_workers_agree(make: Callable[[], Awaitable[SharedPlaces]]) -> None:
    one, two = await make(), await make()
    assert await taken(one, 3) == 3
    assert await taken(two, 50) == 2
    one.give_back("a")
    await told(one)
    assert await taken(two, 50) == 1


async def test_of_many_at_once_no_more_get_in(
    make: Callable[[], Awaitable[SharedPlaces]],
) -> None:
    workers = [await make(), await make()]
    got = await asyncio.gather(*(workers[n % 2].take("a", limit=5) for n in range(100)))
    assert sum(got) == 5
    for worker, place in zip(workers * 50, got, strict=True):
        if place:
            worker.give_back("a")
    for worker in workers:
        await told(worker)
    assert await taken(workers[0], 50) == 5


async def test_what_was_taken_before_the_lease_is_told_with_it(
    make: Callable[[], Awaitable[SharedPlaces]],
) -> None:
    one = SharedPlaces()
    assert not one._leased
    assert await taken(one, 4) == 4
    await leased(one)
    await told(one)
    assert await taken(await make(), 50) == 1
    await one.close()


async def test_after_redis_lost_everything_the_counts_are_told_anew(
    make: Callable[[], Awaitable[SharedPlaces]],
    redis_client: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REFRESH_INTERVAL", 0.02)
    one, two = await make(), await make()
    assert await taken(one, 4) == 4
    former = one._store
    await redis_client.flushall()
    async with asyncio.timeout(60):
        while one._store is former or not one._leased:  # noqa: ASYNC110 - by a task of its own
            await asyncio.sleep(0.005)
    async with one._turn:  # in which all is told
        pass
    assert await taken(two, 50) == 1


async def test_while_redis_is_away_each_counts_its_own_and_nobody_waits_twice(
    make: Callable[[], Awaitable[SharedPlaces]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await make()
    asked = []

    async def silent(*_: Any, **__: Any) -> bool:
        asked.append(1)
        await asyncio.sleep(60)
        return True

    monkeypatch.setattr(module, "STORE_TIMEOUT", 0.05)
    monkeypatch.setattr(RedisCounts, "claim", silent)
    assert sum(await asyncio.gather(*(one.take("a", limit=5) for _ in range(20)))) == 5
    assert asked == [1]


async def test_when_redis_is_back_what_happened_meanwhile_is_told(
    make: Callable[[], Awaitable[SharedPlaces]],
) -> None:
    one, two = await make(), await make()
    await taken(one, 2)
    one._leased = False  # as after a failure
    one.give_back("a")
    assert await taken(one, 3) == 3
    await one._begin()
    one._leased = True
    assert await taken(two, 50) == 1


async def test_a_redis_that_never_was_locks_nobody_out(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    places = SharedPlaces()
    assert await taken(places, 50) == 5
    places.give_back("a")
    assert await taken(places, 50) == 1
    await places.close()
    redis.clients.forget(redis.clients.get())
