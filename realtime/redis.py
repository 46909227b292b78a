"""The engine's own Redis connections, beside those of the channel layer."""

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as ConnectionLost

from realtime.per_loop import PerLoop

SOCKET_TIMEOUT = 2.0  # seconds; nothing that asks Redis directly is worth a longer wait


def configured() -> bool:
    return bool(getattr(settings, "REDIS_URL", ""))


def _connect() -> Redis:
    url = settings.REDIS_URL.split(",")[0].strip()
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT,
        socket_connect_timeout=SOCKET_TIMEOUT,
        # Once, and not after a timeout: a restart leaves dead connections in the pool, and the
        # first call on each would fail.
        retry=Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
    )


# `clients.get()` is that of the running event loop.
clients = PerLoop(_connect)
