"""Where limits are counted: in the process, or in Redis for all processes.

A rate is kept as one number per key, the moment at which all that was taken is paid back (the
"generic cell rate algorithm": a token bucket without a timer).
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import NamedTuple
from uuid import uuid4

from realtime import redis
from realtime.conf import conf

LEASE = conf.LEASE  # seconds; realtime.places renews it
SWEEP_INTERVAL = conf.RATES_TIDY_INTERVAL
COUNTS_KEPT = 86_400  # seconds after the last socket came; the lease is what ends a worker's count


class Rate(NamedTuple):
    """One each `interval` seconds, and `slack` seconds' worth of them ahead of their time."""

    interval: float
    slack: float


class MemoryRates:
    """For one process, whichever of its threads asks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}
        self._lock = Lock()
        self._sweep_at = clock() + SWEEP_INTERVAL

    def take(self, key: str, rate: Rate) -> float:
        """0 if it may be; else the seconds until it may, and nothing was taken."""
        with self._lock:
            now = self._clock()
            if now >= self._sweep_at:
                self._sweep(now)
            due = max(self._due.get(key, now), now)
            if due - now > rate.slack:
                return due - now - rate.slack
            self._due[key] = due + rate.interval
            return 0.0

    def _sweep(self, now: float) -> None:
        self._due = {key: due for key, due in self._due.items() if due > now}
        self._sweep_at = now + SWEEP_INTERVAL


# Redis's clock alone counts: those of the workers may differ. Numbers go back as text, which
# keeps their fractions.
_TAKE = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local interval, slack = tonumber(ARGV[1]), tonumber(ARGV[2])
if due - now > slack then return string.format('%.6f', due - now - slack) end
due = due + interval
redis.call('SET', KEYS[1], string.format('%.6f', due), 'PX', math.ceil((due - now) * 1000))
return '0'
"""


class RedisRates:
    """For all processes. Raises what Redis raises."""

    async def take(self, key: str, rate: Rate) -> float:
        script = redis.clients.get().register_script(_TAKE)
        return float(await script(keys=[f"limit:{key}"], args=rate))

    def take_blocking(self, key: str, rate: Rate) -> float:
        script = redis.blocking().register_script(_TAKE)
        return float(script(keys=[f"limit:{key}"], args=rate))


# KEYS[1]: hash, worker -> its sockets. ARGV: worker, its sockets with this one, the limit.
# Those of a worker whose lease has run out do not count.
_CLAIM = """
local others = 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if all[i] ~= ARGV[1] then
    if redis.call('EXISTS', 'limit:worker:' .. all[i]) == 1 then
      others = others + all[i + 1]
    else
      redis.call('HDEL', KEYS[1], all[i])
    end
  end
end
if others + ARGV[2] > tonumber(ARGV[3]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1
"""


class RedisCounts:
    """How many sockets each worker has per key, for as long as its lease lasts.

    One lease per worker, not per key: it is renewed by one command, however many are connected.
    Raises what Redis raises.
    """

    def __init__(self) -> None:
        self._worker = uuid4().hex
        self._redis = redis.clients.get()
        self._claim = self._redis.register_script(_CLAIM)

    async def renew(self) -> bool:
        """Whether the lease was still there: if not, others may have dropped the counts."""
        return bool(await self._redis.set(self._lease, 1, px=int(LEASE * 1000), get=True))

    async def claim(self, key: str, count: int, *, limit: float) -> bool:
        """`count` sockets here, the new one among them, if no more than `limit` are everywhere."""
        args = [self._worker, count, limit, COUNTS_KEPT]
        return bool(await self._claim(keys=[_counts(key)], args=args))

    async def put(self, counts: Mapping[str, int]) -> None:
        """So many are here, whatever was told before."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for key, count in counts.items():
                if count:
                    pipe.hset(_counts(key), self._worker, str(count))
                    pipe.expire(_counts(key), COUNTS_KEPT)
                else:
                    pipe.hdel(_counts(key), self._worker)
            await pipe.execute()

    async def give_up(self) -> None:
        """What was counted here does not count any more."""
        await self._redis.delete(self._lease)

    @property
    def _lease(self) -> str:
        return f"limit:worker:{self._worker}"


def _counts(key: str) -> str:
    return f"limit:sockets:{key}"
