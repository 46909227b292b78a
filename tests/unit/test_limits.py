"""How often one may do a thing, by a clock that the test turns."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from realtime import limits, redis
from realtime.limit_store import Rate, RedisRates
from realtime.limits import FRAMES, GUESTS, MESSAGES, Bucket, Rates, Strikes
from soak.services import RedisServer, running


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock, settings: Any) -> Rates:
    settings.REDIS_URL = ""
    settings.LIMIT_MESSAGES_PER_SECOND = 10
    return Rates(clock)


async def granted(rates: Rates, attempts: int, who: str = "1", limit: Any = MESSAGES) -> int:
    return [await rates.take(limit, who) for _ in range(attempts)].count(0.0)


async def test_two_seconds_worth_may_come_at_once_and_no_more(rates: Rates) -> None:
    assert await granted(rates, 100) == 20


async def test_at_ten_times_the_rate_the_rate_gets_through(rates: Rates, clock: Clock) -> None:
    through = await granted(rates, 20)
    for _ in range(1000):
        clock.now += 0.01
        through += await granted(rates, 1)
    assert 119 <= through <= 120


async def test_whoever_waits_as_told_gets_through(rates: Rates, clock: Clock) -> None:
    await granted(rates, 20)
    wait = await rates.take(MESSAGES, "1")
    clock.now += wait * 0.9
    assert await rates.take(MESSAGES, "1") > 0
    clock.now += wait * 0.1 + 1e-9
    assert await rates.take(MESSAGES, "1") == 0


async def test_what_is_refused_costs_nothing_more(rates: Rates, clock: Clock) -> None:
    await granted(rates, 10_000)
    clock.now += 2
    assert await granted(rates, 100) == 20


async def test_each_has_their_own(rates: Rates) -> None:
    assert await granted(rates, 50, "1") == 20
    assert await granted(rates, 50, "2") == 20


async def test_each_limit_is_apart(rates: Rates, settings: Any) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 1
    assert await granted(rates, 50) == 20
    assert await granted(rates, 50, limit=FRAMES) == 2


async def test_a_limit_per_minute_lets_a_minutes_worth_through(
    rates: Rates, clock: Clock, settings: Any
) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 6
    assert await granted(rates, 50, limit=GUESTS) == 6
    clock.now += 10.001
    assert await granted(rates, 50, limit=GUESTS) == 1


async def test_less_than_one_a_second_is_still_one_at_a_time(
    rates: Rates, clock: Clock, settings: Any
) -> None:
    settings.LIMIT_MESSAGES_PER_SECOND = 0.1
    assert await granted(rates, 5) == 1
    clock.now += 10.001
    assert await granted(rates, 5) == 1


async def test_0_is_no_limit_and_so_is_nobody_in_particular(rates: Rates, settings: Any) -> None:
    assert await granted(rates, 100, who="") == 100
    settings.LIMIT_MESSAGES_PER_SECOND = 0
    assert await granted(rates, 1000) == 1000
    del settings.LIMIT_MESSAGES_PER_SECOND
    assert await granted(rates, 1000) == 1000


async def test_a_thread_and_the_event_loop_count_together(rates: Rates) -> None:
    assert await granted(rates, 15) == 15
    there = await asyncio.to_thread(
        lambda: [rates.take_blocking(MESSAGES, "1") for _ in range(15)].count(0.0)
    )
    assert there == 5


async def test_of_many_threads_at_once_no_more_get_through(rates: Rates) -> None:
    def attempt() -> int:
        return [rates.take_blocking(MESSAGES, "1") for _ in range(200)].count(0.0)

    assert sum(await asyncio.gather(*(asyncio.to_thread(attempt) for _ in range(8)))) == 20


async def test_without_redis_nothing_waits_for_another_turn_of_the_loop(rates: Rates) -> None:
    turns = []
    asyncio.get_running_loop().call_soon(turns.append, 1)
    await granted(rates, 1000)
    assert not turns


# --- with Redis ---


@pytest.fixture
def own_redis(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisServer]:
    """One that the test may stop. The connections themselves would wait for a minute."""
    monkeypatch.setattr(redis, "SOCKET_TIMEOUT", 60)
    server = RedisServer(tmp_path)
    settings.REDIS_URL = server.url
    with running(server):
        yield server


async def test_several_processes_count_together(redis_client: Redis, settings: Any) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 6
    one, two = Rates(), Rates()
    assert await granted(one, 4, limit=GUESTS) == 4
    assert [await asyncio.to_thread(two.take_blocking, GUESTS, "1") for _ in range(9)].count(0) == 2


class Asked(RedisRates):
    """Counts the questions."""

    times = 0

    async def take(self, key: str, rate: Rate) -> float:
        self.times += 1
        return await super().take(key, rate)

    def take_blocking(self, key: str, rate: Rate) -> float:
        self.times += 1
        return super().take_blocking(key, rate)


async def test_a_redis_that_does_not_answer_is_waited_for_once(
    own_redis: RedisServer, settings: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 6
    monkeypatch.setattr(limits, "STORE_TIMEOUT", 60)
    rates = Rates(clock)
    rates._shared = asked = Asked()
    assert await granted(rates, 1, limit=GUESTS) == 1
    own_redis.freeze()
    monkeypatch.setattr(limits, "STORE_TIMEOUT", 0.5)
    begun = time.monotonic()
    assert await granted(rates, 50, limit=GUESTS) == 6
    clock.now += limits.AWAY_SECONDS + 0.001
    await asyncio.gather(*(rates.take(GUESTS, "1") for _ in range(50)))
    assert asked.times == 3
    assert 0.9 < time.monotonic() - begun < 30  # two waits, and neither that of the connection
    own_redis.thaw()
    monkeypatch.setattr(limits, "STORE_TIMEOUT", 60)
    clock.now += limits.AWAY_SECONDS + 0.001
    assert await granted(rates, 50, limit=GUESTS) >= 4  # as Redis has it
    await redis.clients.get().aclose()


async def test_a_thread_does_not_wait_for_it_either(
    own_redis: RedisServer, settings: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 6
    rates = Rates(clock)
    rates._shared = asked = Asked()
    own_redis.freeze()
    begun = time.monotonic()
    assert [rates.take_blocking(GUESTS, "1") for _ in range(50)].count(0.0) == 6
    assert asked.times == 1
    assert time.monotonic() - begun > 0.4
    own_redis.kill()
    monkeypatch.setattr(redis, "BLOCKING_TIMEOUT", 60)
    redis._blocking.cache_clear()
    clock.now += limits.AWAY_SECONDS + 0.001
    begun = time.monotonic()
    rates.take_blocking(GUESTS, "1")
    assert asked.times == 2
    assert time.monotonic() - begun < 30  # it is refused, and not waited for
    own_redis.start()
    clock.now += limits.AWAY_SECONDS + 0.001
    assert rates.take_blocking(GUESTS, "2") == 0


# --- the frames of one socket ---


def test_a_socket_has_its_bucket(settings: Any, clock: Clock) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 50
    assert FRAMES.rate is not None
    bucket = Bucket(FRAMES.rate, clock)
    assert [bucket.take() for _ in range(300)].count(0.0) == 100
    clock.now += bucket.take() + 1e-9
    assert bucket.take() == 0
    assert bucket.take() > 0


def test_a_cursor_at_30_a_second_beside_everything_else_gets_through(
    settings: Any, clock: Clock
) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 50
    assert FRAMES.rate is not None
    bucket = Bucket(FRAMES.rate, clock)
    for _ in range(60):
        clock.now += 1
        assert not any(bucket.take() for _ in range(45))


def test_a_bucket_costs_next_to_nothing(settings: Any) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 50
    assert FRAMES.rate is not None
    bucket = Bucket(FRAMES.rate)
    fastest = min(_timed(bucket) for _ in range(20))
    assert fastest < 1e-6


def _timed(bucket: Bucket) -> float:
    begun = time.thread_time()
    for _ in range(1000):
        bucket.take()
    return (time.thread_time() - begun) / 1000


def test_the_twentieth_strike_in_a_minute_is_the_last() -> None:
    clock = Clock()
    strikes = Strikes(clock)
    assert not any(strikes.out() for _ in range(19))
    assert strikes.out()
    strikes = Strikes(clock)
    for _ in range(100):
        clock.now += 3.2
        assert not strikes.out()


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 0.001), (1e-9, 0.001), (1.23456, 1.235)])
def test_a_wait_is_told_in_milliseconds_and_never_as_none(seconds: float, told: float) -> None:
    assert limits.tidy(seconds) == pytest.approx(told)
