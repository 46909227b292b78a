import asyncio

from redis.asyncio import Redis

from realtime.presence_store import RedisPresence
from realtime.redis import CONNECTIONS
from tests.presence import someone

GROUP = "room.1"
CROWD = 500


async def test_a_crowd_that_asks_at_once_waits_and_needs_few_connections(
    redis_client: Redis,
) -> None:
    answers = await asyncio.gather(*(redis_client.incr("asked") for _ in range(CROWD)))
    assert sorted(answers) == list(range(1, CROWD + 1))
    assert len(redis_client.connection_pool._available_connections) <= CONNECTIONS


async def test_a_crowd_that_goes_at_once_is_gone(redis_client: Redis) -> None:
    store = RedisPresence()
    crowd = [someone(number) for number in range(CROWD)]
    await asyncio.gather(*(store.take(GROUP, person) for person in crowd))
    assert (await store.view(GROUP)).total == CROWD
    await asyncio.gather(*(store.give_back(GROUP, person.id) for person in crowd))
    assert (await store.view(GROUP)).total == 0
