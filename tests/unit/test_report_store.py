"""Reports and their leases, in the process and in a real Redis."""

import time
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from realtime import redis
from realtime.report_store import (
    MemoryReports,
    RedisReports,
    Report,
    ReportStore,
    report_store,
)

REPORT = Report(
    uptime=1.5, connections=2, rooms=["room.1"], memory_mb=60.0, messages_per_second=0.5
)


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, redis_client: Redis) -> ReportStore:
    return MemoryReports() if request.param == "memory" else RedisReports(lease=60)


async def test_reports_are_kept_by_process_and_the_last_one_counts(store: ReportStore) -> None:
    await store.put("a", REPORT)
    await store.put("b", REPORT)
    newer = Report(uptime=2, connections=0, rooms=[], memory_mb=1, messages_per_second=0)
    await store.put("a", newer)
    assert await store.all() == {"a": newer, "b": REPORT}


async def test_a_process_that_ends_is_forgotten_at_once(store: ReportStore) -> None:
    await store.put("a", REPORT)
    await store.put("b", REPORT)
    await store.drop("a")
    await store.drop("never there")
    assert await store.all() == {"b": REPORT}


async def test_a_process_that_died_is_forgotten_and_one_that_lives_is_not(
    redis_client: Redis,
) -> None:
    dead, alive = RedisReports(lease=0.05), RedisReports(lease=60)
    await alive.put("alive", REPORT)
    await dead.put("dead", REPORT)
    deadline = time.monotonic() + 30
    while await alive.all() != {"alive": REPORT}:
        assert time.monotonic() < deadline
    assert await redis_client.hlen("reports:{ops}:reports") == 1
    assert await redis_client.zcard("reports:{ops}:leases") == 1


async def test_two_processes_see_each_other(redis_client: Redis) -> None:
    one, two = RedisReports(lease=60), RedisReports(lease=60)
    await one.put("one", REPORT)
    await two.put("two", REPORT)
    assert await one.all() == await two.all() == {"one": REPORT, "two": REPORT}


async def test_it_raises_what_redis_raises(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1"
    store = report_store()
    try:
        with pytest.raises(RedisError):
            await store.all()
    finally:
        redis.clients.forget(redis.clients.get())


async def test_without_redis_memory_does(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert isinstance(report_store(), MemoryReports)
