"""One room: so many messages in flight, each of them counted out to the last member."""

import asyncio
import time
from statistics import median, quantiles
from typing import Any

from benchmarks.load.dialects import DIALECTS
from benchmarks.load.sockets import Told, connect
from benchmarks.load.tally import Failure, Flight, Member, Tally
from benchmarks.machine import cpu_seconds

SETTLE_SECONDS = 1.5  # joins are told, caches filled
STALL_SECONDS = 20.0
LEAST_MESSAGES = 20


async def fanout(job: dict[str, Any], told: Told) -> dict[str, Any]:
    """`windows` are the numbers in flight; each is measured for `seconds`."""
    tally = Tally(DIALECTS[job["dialect"]])
    urls = [job["url"]] * job["members"]
    tally.members = await connect(lambda: Member(tally), urls, job["tokens"], told=told)
    told("settling")
    await asyncio.sleep(SETTLE_SECONDS)
    room = Room(tally, pid=job["pid"])
    await room.measure(1, seconds=0.3)
    results = {}
    for window in job["windows"]:
        told(f"{window} in flight")
        results[str(window)] = await room.measure(window, seconds=job["seconds"])
        await asyncio.sleep(0.2)
    return results


class Room:
    def __init__(self, tally: Tally, *, pid: int) -> None:
        self._tally = tally
        self._pid = pid

    async def measure(self, window: int, *, seconds: float) -> dict[str, float]:
        """Keep `window` messages of as many members in flight; as one lands, its sender goes on."""
        tally = self._tally
        latencies: list[float] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        least = max(LEAST_MESSAGES, 2 * window)
        before, cpu, start = tally.deliveries, cpu_seconds(self._pid), time.perf_counter()

        def landed(flight: Flight) -> None:
            now = time.perf_counter()
            latencies.append(now - flight.sent_at)
            if now - start < seconds or len(latencies) + len(tally.flights) < least:
                tally.launch(flight.sender)
            elif not tally.flights and not ended.done():
                ended.set_result(None)

        tally.landed = landed
        for sender in range(window):
            tally.launch(sender)
        await self._until(ended)
        deliveries, wall = tally.deliveries - before, time.perf_counter() - start
        spent = cpu_seconds(self._pid) - cpu
        tally.check()
        return {
            "messages": len(latencies),
            "deliveries": deliveries,
            "cpu_us": spent / deliveries * 1e6,
            "per_second": deliveries / wall,
            "p50_ms": median(latencies) * 1000,
            "p99_ms": quantiles(latencies, n=100, method="inclusive")[98] * 1000,
        }

    async def _until(self, ended: "asyncio.Future[None]") -> None:
        seen = -1
        while seen != self._tally.deliveries:
            seen = self._tally.deliveries
            done, _ = await asyncio.wait([ended], timeout=STALL_SECONDS)
            if done:
                return
            if self._tally.failures:
                break
        self._tally.check()
        raise Failure("nothing came any more")
