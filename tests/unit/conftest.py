from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from realtime import limits, places, presence, redis
from realtime.frames import PresenceChanged
from soak.services import RedisServer, running
from topics import redis_store

# For how long Redis is waited for.
WAITS = [
    (redis, "SOCKET_TIMEOUT"),
    (redis, "BLOCKING_TIMEOUT"),
    (limits, "STORE_TIMEOUT"),
    (places, "STORE_TIMEOUT"),
    (places, "BEGIN_TIMEOUT"),
]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server.url


@pytest.fixture
async def redis_client(
    redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Redis]:
    """An empty Redis, as the engine's own connections see it: it is there, however late."""
    for module, name in WAITS:
        monkeypatch.setattr(module, name, 60)
    settings.REDIS_URL = redis_url
    redis_client = redis.clients.get()
    await redis_client.flushall()
    yield redis_client
    for clients in (redis.clients, redis.crowds):
        client = clients.get()
        clients.forget(client)
        await client.aclose()


@pytest.fixture(scope="module")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of the module's own: its tests end all connections, and take rights away."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server.url


@pytest.fixture
def blocking_redis(
    own_redis_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BlockingRedis]:
    """An empty Redis, as threads see it."""
    monkeypatch.setattr(redis_store, "TIMEOUT", 60)
    settings.REDIS_URL = own_redis_url
    client = redis.connect_blocking(timeout=60)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """(group, frame) of what leaves this process, which has no sockets."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "realtime.publish._send",
        lambda group, packet: sent.append((group, msgspec.json.decode(packet.payload))),
    )
    return sent


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What presence does in batches and in time, it does in hundredths of a second."""
    monkeypatch.setattr(presence, "BATCH_DELAY", 0.02)
    monkeypatch.setattr(presence, "BATCH_INTERVAL", 0.06)
    monkeypatch.setattr(presence, "STORE_TIMEOUT", 0.05)


@pytest.fixture
def told() -> list[PresenceChanged]:
    """Who is there, by the only process there is."""
    return []
