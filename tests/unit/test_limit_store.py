"""What is counted in a real Redis, by all processes together."""

import asyncio

import pytest
from redis.asyncio import Redis

from realtime import limit_store as module
from realtime.limit_store import MemoryRates, Rate, RedisCounts, RedisRates

TEN_PER_SECOND = Rate(0.1, 0.91)  # ten of them at once
# So slow that no more come while Redis's clock, which is not ours to turn, goes on.
TEN_AT_ONCE = Rate(100.0, 901.0)
FIVE_AT_ONCE = Rate(100.0, 401.0)
ONE = Rate(100.0, 0.0)


# --- rates ---


async def test_of_many_at_once_in_several_processes_no_more_get_through(
    redis_client: Redis,
) -> None:
    stores = [RedisRates(), RedisRates()]
    waits = await asyncio.gather(
        *(stores[n % 2].take("a", TEN_AT_ONCE) for n in range(100)),
    )
    assert waits.count(0.0) == 10
    assert all(0 < wait < 100 for wait in waits if wait)


async def test_threads_and_event_loops_count_together(redis_client: Redis) -> None:
    store = RedisRates()
    assert [await store.take("a", FIVE_AT_ONCE) for _ in range(3)] == [0.0] * 3

    def there() -> list[float]:
        return [store.take_blocking("a", FIVE_AT_ONCE) for _ in range(4)]

    waits = await asyncio.to_thread(there)
    assert waits[:2] == [0.0, 0.0]
    assert all(30 < wait <= 99.1 for wait in waits[2:])


async def test_what_was_taken_is_paid_back_with_time(redis_client: Redis) -> None:
    store, rate = RedisRates(), Rate(0.05, 0.0)
    while not (wait := await store.take("a", rate)):
        pass  # it was paid back before the next one came
    await asyncio.sleep(wait)
    assert await store.take("a", rate) == 0


async def test_nothing_is_left_of_those_who_are_quiet(redis_client: Redis) -> None:
    await RedisRates().take("a", ONE)
    assert await redis_client.keys("*") == [b"limit:a"]
    assert 0 < await redis_client.pttl("limit:a") <= 100_000


async def test_the_workers_clocks_do_not_count(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisRates()
    await store.take("a", ONE)
    monkeypatch.setattr("time.time", lambda: 4e9)
    assert await store.take("a", ONE) > 0


async def test_scripts_that_redis_has_forgotten_are_told_again(redis_client: Redis) -> None:
    store = RedisRates()
    await store.take("a", TEN_PER_SECOND)
    await redis_client.script_flush()
    assert await store.take("a", TEN_PER_SECOND) == 0
    await redis_client.script_flush()
    assert await asyncio.to_thread(store.take_blocking, "a", TEN_PER_SECOND) == 0


def test_memory_forgets_those_who_are_quiet() -> None:
    now = [0.0]
    rates = MemoryRates(lambda: now[0])
    for number in range(1000):
        rates.take(str(number), Rate(1.0, 0.0))
    now[0] = 61.0
    rates.take("new", Rate(1.0, 0.0))
    assert list(rates._due) == ["new"]


# --- numbers of sockets ---


async def claimed(counts: RedisCounts, attempts: int, limit: int) -> int:
    """How many of so many sockets get in, one after the other."""
    count = 0
    for _ in range(attempts):
        count += await counts.claim("a", count + 1, limit=limit)
    return count


@pytest.fixture
async def two(redis_client: Redis, monkeypatch: pytest.MonkeyPatch) -> list[RedisCounts]:
    monkeypatch.setattr(module, "LEASE", 3600)
    workers = [RedisCounts(), RedisCounts()]
    for worker in workers:
        assert not await worker.renew()
    return workers


async def test_workers_together_have_no_more_than_the_limit(two: list[RedisCounts]) -> None:
    assert await claimed(two[0], 3, limit=5) == 3
    assert await claimed(two[1], 10, limit=5) == 2
    assert not await two[0].claim("a", 4, limit=5)
    await two[1].put({"a": 1})
    assert await two[0].claim("a", 4, limit=5)


async def test_each_key_is_apart(two: list[RedisCounts]) -> None:
    assert await claimed(two[0], 5, limit=5) == 5
    assert await two[1].claim("b", 1, limit=5)


async def test_the_sockets_of_a_worker_that_died_free_themselves(
    redis_client: Redis, two: list[RedisCounts]
) -> None:
    assert await claimed(two[0], 5, limit=5) == 5
    assert not await two[1].claim("a", 1, limit=5)
    assert 3000 < await redis_client.ttl(two[0]._lease) <= module.LEASE
    await redis_client.pexpire(two[0]._lease, 1)
    async with asyncio.timeout(60):
        while not await two[1].claim("a", 1, limit=5):  # noqa: ASYNC110 - in another process
            await asyncio.sleep(0.005)
    assert await redis_client.hlen("limit:sockets:a") == 1


async def test_a_renewal_says_whether_the_lease_was_still_there(two: list[RedisCounts]) -> None:
    assert await two[0].renew()
    await two[0].give_up()
    assert not await two[0].renew()
    assert await two[0].renew()


async def test_when_all_are_gone_nothing_is_left(
    redis_client: Redis, two: list[RedisCounts]
) -> None:
    await claimed(two[0], 3, limit=5)
    await two[0].put({"a": 0})
    await two[0].give_up()
    await two[1].give_up()
    assert await redis_client.keys("*") == []


async def test_many_are_told_in_one_go(redis_client: Redis, two: list[RedisCounts]) -> None:
    await two[0].put({str(number): 2 for number in range(5000)})
    assert not await two[1].claim("4999", 1, limit=2)
    await two[0].put({})
