"""Rooms full of members, and messages kept in flight in all of them."""

import asyncio
import time
from collections.abc import Sequence
from statistics import median, quantiles

from benchmarks.load.dialects import DIALECTS
from benchmarks.load.member import Listener, Member
from benchmarks.load.sockets import Client, Told, connect
from benchmarks.load.tally import TEXT_BYTES, Failure, Flight, Tally
from soak.machine import cpu_seconds

SETTLE_SECONDS = 1.5  # joins are told, caches filled
LATE_SECONDS = 0.5  # for what comes after the last message has landed
STALL_SECONDS = 20.0
LEAST_MESSAGES = 20


class Crowd:
    def __init__(self, tallies: list[Tally], *, pid: int) -> None:
        self.tallies = tallies
        self._pid = pid

    @classmethod
    async def gather(
        cls,
        dialect: str,
        urls: Sequence[str],
        tokens: Sequence[str],
        *,
        members: int,
        pid: int,
        told: Told,
        text_bytes: int = TEXT_BYTES,
    ) -> "Crowd":
        """One room per URL, each with as many members, connected and settled."""
        tallies = [Tally(DIALECTS[dialect], text_bytes=text_bytes) for _ in urls]

        def make(seat: int) -> Client:
            room, place = divmod(seat, members)
            return (Member if place else Listener)(tallies[room])

        await connect(make, [url for url in urls for _ in range(members)], tokens, told=told)
        told("settling")
        await asyncio.sleep(SETTLE_SECONDS)
        return cls(tallies, pid=pid)

    @property
    def deliveries(self) -> int:
        return sum(tally.deliveries for tally in self.tallies)

    @property
    def flying(self) -> int:
        return sum(len(tally.flights) for tally in self.tallies)

    @property
    def reordered(self) -> int:
        return sum(tally.reordered for tally in self.tallies)

    def check(self) -> None:
        for tally in self.tallies:
            tally.check()

    async def settle(self) -> None:
        """Wait for what should not come, a late repeat, and look for it."""
        await asyncio.sleep(LATE_SECONDS)
        self.check()

    async def measure(self, window: int, *, seconds: float) -> dict[str, float]:
        """Keep `window` messages in flight in each room; as one lands, its sender goes on."""
        latencies: list[float] = []
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        least = max(LEAST_MESSAGES, 2 * window * len(self.tallies))
        reordered = self.reordered
        before, cpu, start = self.deliveries, cpu_seconds(self._pid), time.perf_counter()
        flying = window * len(self.tallies)

        def landed(tally: Tally, flight: Flight) -> None:
            nonlocal flying
            now = time.perf_counter()
            latencies.append(now - flight.sent_at)
            if now - start < seconds or len(latencies) + flying <= least:
                tally.launch(flight.sender)
                return
            flying -= 1
            if not flying:
                ended.set_result(None)

        for tally in self.tallies:
            tally.landed = landed
            for slot in range(window):
                tally.launch(slot)
        await self._until(ended)
        deliveries, wall = self.deliveries - before, time.perf_counter() - start
        spent = cpu_seconds(self._pid) - cpu
        self.check()
        return {
            "messages": len(latencies),
            "messages_per_second": len(latencies) / wall,
            "deliveries": deliveries,
            "cpu_us": spent / deliveries * 1e6,
            "reordered": self.reordered - reordered,
            **spread(latencies),
        }

    async def pace(self, per_second: float, *, seconds: float) -> dict[str, float]:
        """Send evenly, in one room after the other, whatever comes back; all must land."""
        latencies: list[float] = []

        def landed(_tally: Tally, flight: Flight) -> None:
            latencies.append(time.perf_counter() - flight.sent_at)

        for tally in self.tallies:
            tally.landed = landed
        cpu, start = cpu_seconds(self._pid), time.perf_counter()
        for number in range(int(per_second * seconds)):
            while time.perf_counter() - start < number / per_second:
                await asyncio.sleep(0)
            turn, room = divmod(number, len(self.tallies))
            self.tallies[room].launch(turn)
        while time.perf_counter() - start < seconds:
            await asyncio.sleep(0)
        wall = time.perf_counter() - start
        deadline = time.perf_counter() + STALL_SECONDS
        while self.flying and time.perf_counter() < deadline:
            await asyncio.sleep(0.01)
        # With what is still under way: a server that is late has not done its work for less.
        spent = cpu_seconds(self._pid) - cpu
        self.check()
        return {"cpu_percent": spent / wall * 100, "messages": len(latencies), **spread(latencies)}

    async def _until(self, ended: "asyncio.Future[None]") -> None:
        seen = -1
        while seen != self.deliveries:
            seen = self.deliveries
            done, _ = await asyncio.wait([ended], timeout=STALL_SECONDS)
            if done:
                return
            if any(tally.failures for tally in self.tallies):
                break
        self.check()
        raise Failure("nothing came any more")


def spread(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return {"p50_ms": median(seconds) * 1000, "p95_ms": cuts[94] * 1000, "p99_ms": cuts[98] * 1000}
