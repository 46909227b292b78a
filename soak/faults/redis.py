"""Redis goes away, stands still, or throws its clients out."""

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from redis import Redis

from soak.faults import Effects, fault
from soak.ledger import percentile
from soak.services import RedisServer
from soak.stage import Stage

KILLS_EVERY = 2.0
AWAY = '"layer_away"'  # as a worker logs it when no beat came for three seconds
NOTICED = 8.0  # seconds: 3 of silence, looked for every 2 s, and a margin
PROMPT = 1.0  # seconds until a message is acknowledged


def redis_of(stage: Stage) -> RedisServer:
    assert stage.redis is not None
    return stage.redis


@asynccontextmanager
async def missed(stage: Stage) -> AsyncIterator[None]:
    """Meanwhile no socket closes, and nobody who speaks waits for Redis."""
    ledger = stage.ledger
    stage.streets.touch()
    lost, acks = ledger.reconnects, len(ledger.acks)
    yield
    if closed := ledger.reconnects - lost:
        ledger.breach("I", f"{closed} sockets closed")
    slowest = percentile(array("d", [*ledger.acks[acks:], *stage.waiting]), 99) or 0.0
    if slowest > PROMPT:
        ledger.breach("I", f"99 % of messages were acknowledged within {slowest:.1f} s")


@fault("restart-redis", "own", "workers", least=NOTICED)
async def restart_redis(stage: Stage, seconds: float) -> Effects:
    """Kill Redis, which forgets everything, and start it again."""
    async with missed(stage):
        await asyncio.to_thread(redis_of(stage).kill)
        await asyncio.sleep(seconds)
    await asyncio.to_thread(redis_of(stage).start)
    return {"workers that missed Redis": stage.logged(AWAY)}


@contextmanager
def frozen(redis: RedisServer) -> Iterator[None]:
    redis.freeze()
    try:
        yield
    finally:
        redis.thaw()


@fault("freeze-redis", "own", "workers", least=NOTICED)
async def freeze_redis(stage: Stage, seconds: float) -> Effects:
    """SIGSTOP Redis: it neither answers nor refuses."""
    async with missed(stage):
        with frozen(redis_of(stage)):
            await asyncio.sleep(seconds)
    return {"workers that missed Redis": stage.logged(AWAY)}


@fault("kill-redis-clients", "own", "workers")
async def kill_redis_clients(stage: Stage, seconds: float) -> Effects:
    """CLIENT KILL every connection to Redis every two seconds."""
    client = Redis.from_url(redis_of(stage).url, socket_timeout=5)
    end = time.monotonic() + seconds
    killed = 0
    async with missed(stage):
        while time.monotonic() < end:
            for kind in ("normal", "pubsub"):
                kill = asyncio.to_thread(client.client_kill_filter, _type=kind, skipme=True)
                killed += int(await kill)
            await asyncio.sleep(min(KILLS_EVERY, seconds))
    return {"connections killed": killed}


@fault("pause-redis", "own", "workers", least=NOTICED)
async def pause_redis(stage: Stage, seconds: float) -> Effects:
    """CLIENT PAUSE: commands wait."""
    client = Redis.from_url(redis_of(stage).url, socket_timeout=5)
    async with missed(stage):
        await asyncio.to_thread(client.client_pause, int(seconds * 1000))
        await asyncio.sleep(seconds)
    return {"workers that missed Redis": stage.logged(AWAY)}
