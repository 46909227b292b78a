"""The engine's own Redis connections, beside those of the channel layer."""

import asyncio
from functools import cache
from typing import Any

from django.conf import settings
from redis import Redis as BlockingRedis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost
from redis.retry import Retry as BlockingRetry

from realtime.conf import conf
from realtime.per_loop import PerLoop
from realtime.redis_address import Address, addresses

# Seconds; nothing that asks Redis directly is worth a longer wait.
SOCKET_TIMEOUT = conf.REDIS_TIMEOUT
CONNECTIONS = conf.REDIS_CONNECTIONS
# Seconds, for a thread that answers a request meanwhile.
BLOCKING_TIMEOUT = conf.REDIS_BLOCKING_TIMEOUT


def configured() -> bool:
    return bool(getattr(settings, "REDIS_URL", ""))


class Queued(Redis):  # type: ignore[misc]  # redis-py leaves it untyped
    """Whose commands wait for a connection. redis-py's raise at the hundred-and-first at once: a
    crowd that comes or goes together would be let in uncounted, and stay when it has gone.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # A pipeline takes a connection beside them. The URL may allow fewer.
        most = self.connection_pool.max_connections - 1
        self._turns = asyncio.Semaphore(max(1, min(CONNECTIONS, most)))

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        async with self._turns:
            return await super().execute_command(*args, **options)


def _connect() -> Redis:
    return _address(settings.REDIS_URL).connect(
        Queued,
        max_connections=2 * CONNECTIONS,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        # Once, and not after a timeout: a restart leaves dead connections in the pool, and the
        # first call on each would fail.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )


def connect_blocking(*, timeout: float, retries: int = 0) -> BlockingRedis:
    """For threads. Without retries a command is never sent twice."""
    return _address(settings.REDIS_URL).connect_blocking(
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=BlockingRetry(NoBackoff(), retries, supported_errors=(ConnectionLost,)),
    )


@cache
def _address(redis_url: str) -> Address:
    """The first shard: a script sees several keys, and all that is kept here is small."""
    return addresses(redis_url)[0]


@cache
def _blocking(_redis_url: str) -> BlockingRedis:
    return connect_blocking(timeout=BLOCKING_TIMEOUT, retries=1)


def blocking() -> BlockingRedis:
    """For threads that run no event loop, and may ask twice."""
    return _blocking(settings.REDIS_URL)


# `clients.get()` is that of the running event loop.
clients = PerLoop(_connect)
# For what a crowd asks all at once: who is waited for with a time-out does not queue behind it.
crowds = PerLoop(_connect)
