"""Where the processes of a site leave their reports: in the process, or in Redis for all."""

from typing import Protocol

import msgspec

from realtime import redis
from realtime.conf import conf

# Seconds; a report is renewed each second, and one of a dead process runs out.
LEASE = conf.REPORT_LEASE


class Report(msgspec.Struct, kw_only=True, frozen=True):
    """What one process has to say of itself. `rooms` are the groups in which it serves people."""

    uptime: float  # seconds
    connections: int
    rooms: list[str]
    memory_mb: float
    messages_per_second: float


class ReportStore(Protocol):
    async def put(self, process: str, report: Report) -> None: ...

    async def drop(self, process: str) -> None:
        """The process ends."""

    async def all(self) -> dict[str, Report]:
        """By process; those that are still there."""


class MemoryReports:
    """For a site with one process."""

    def __init__(self) -> None:
        self._reports: dict[str, Report] = {}

    async def put(self, process: str, report: Report) -> None:
        self._reports[process] = report

    async def drop(self, process: str) -> None:
        self._reports.pop(process, None)

    async def all(self) -> dict[str, Report]:
        return dict(self._reports)


# Leases (sorted set, process by the second at which its report ends) and reports (hash). Redis's
# clock alone counts: those of the workers may differ.
_KEYS = ["reports:{ops}:leases", "reports:{ops}:reports"]
_NOW = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
"""
_PUT = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
"""
)
_DROP = """
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
"""
_ALL = (
    _NOW
    + """
for _, process in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], process)
  redis.call('HDEL', KEYS[2], process)
end
return redis.call('HGETALL', KEYS[2])
"""
)


class RedisReports:
    """Raises what Redis raises."""

    def __init__(self, *, lease: float = LEASE) -> None:
        self._lease = lease
        client = redis.clients.get()
        self._put = client.register_script(_PUT)
        self._drop = client.register_script(_DROP)
        self._all = client.register_script(_ALL)

    async def put(self, process: str, report: Report) -> None:
        await self._put(keys=_KEYS, args=[process, msgspec.json.encode(report), self._lease])

    async def drop(self, process: str) -> None:
        await self._drop(keys=_KEYS, args=[process])

    async def all(self) -> dict[str, Report]:
        flat = await self._all(keys=_KEYS)
        return {
            process.decode(): msgspec.json.decode(report, type=Report)
            for process, report in zip(flat[::2], flat[1::2], strict=True)
        }


def report_store() -> ReportStore:
    return RedisReports() if redis.configured() else MemoryReports()
