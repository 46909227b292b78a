"""What is watched all the time: health, memory, logs."""

import asyncio
import json
import re
import sys
import time
from asyncio.subprocess import PIPE
from collections import deque

from soak.probe import Health
from soak.stage import Stage
from soak.workers import ROOT

HEALTHY = 1.0  # seconds for /healthz
MEMORY_EVERY = 1.0
BACK_WITHIN = 60.0  # seconds for the memory of sockets that have gone to come back
SOCKET_KIB, SLOW_KIB = 40, 1024
# What an interpreter takes by itself when it does more than before: threads, arenas, caches.
SLACK = 1.2
# Where it ends is what went wrong. A log of lines in JSON has it in one of them.
TRACEBACK = re.compile(r"^Traceback \(most recent.*\n(?:[ \t].*\n|\n)*(.*)", re.MULTILINE)


class Monitor:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._base = 0
        self._base_sockets = 0
        self._base_processes = 1
        self._seen: deque[tuple[float, int, int]] = deque()  # when, sockets, slow ones
        self.peak = 0

    def begin(self) -> None:
        """What memory is now, is the base."""
        self._base = self.peak = self._stage.memory_kib
        self._base_sockets = self._sockets
        self._base_processes = max(1, self._stage.processes)
        self._seen.clear()

    @property
    def _sockets(self) -> int:
        return len(self._stage.clients) + self._stage.extra_sockets

    async def watch_health(self) -> None:
        """At all doors that can be reached, whatever else is broken."""
        urls = [door.http for door in self._stage.streets.doors]
        probe = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "soak.probe", *urls), cwd=ROOT, stdin=PIPE, stdout=PIPE
        )
        assert probe.stdout is not None
        try:
            async for line in probe.stdout:
                self.heard(Health(*json.loads(line)))
            self._stage.ledger.breach("G", "nobody asks any more: the probe has ended")
        finally:
            probe.kill()
            await probe.wait()

    def heard(self, health: Health) -> None:
        if self._stage.streets.reached_since(health.door) < health.began:
            self._stage.ledger.figure("slowest /healthz, s", health.took)
            if health.answer != "200" or health.took > HEALTHY:
                said = f"/healthz: {health.answer} after {health.took:.2f} s"
                self._stage.ledger.breach("G", said)

    async def watch_memory(self) -> None:
        while True:
            await asyncio.sleep(MEMORY_EVERY)
            self.look()

    def look(self) -> None:
        now = self._stage.memory_kib
        self.peak = max(self.peak, now)
        sockets, slow = self._most_lately()
        base = self._base * max(1.0, self._stage.processes / self._base_processes)
        allowed = base * SLACK + SOCKET_KIB * sockets + SLOW_KIB * slow
        if self._base and now > allowed:
            self._stage.ledger.breach("E", f"{now:,} KiB, where {allowed:,.0f} are allowed")

    def _most_lately(self) -> tuple[int, int]:
        """Sockets, beyond those at the beginning, and slow ones."""
        now = time.monotonic()
        more = max(0, self._sockets - self._base_sockets)
        self._seen.append((now, more, self._stage.slow_sockets))
        while self._seen[0][0] < now - BACK_WITHIN:
            self._seen.popleft()
        return max(seen[1] for seen in self._seen), max(seen[2] for seen in self._seen)

    def look_at_rest(self) -> None:
        now = self._stage.memory_kib
        if self._base and now > SLACK * self._base:
            self._stage.ledger.breach("E", f"{now:,} KiB at rest, {self._base:,} before")

    def figures(self) -> dict[str, float]:
        if not self._base:
            return {}
        mib = 1024
        return {
            "memory before, MiB": self._base / mib,
            "memory at most, MiB": self.peak / mib,
            "memory after, MiB": self._stage.memory_kib / mib,
        }

    def read_logs(self) -> None:
        """What was logged since the last time."""
        for worker in self._stage.workers:
            for last in tracebacks(worker.logged()):
                self._stage.ledger.breach("G", f"a traceback in the log of {worker.name}: {last}")
            worker.mark()


def tracebacks(log: str) -> list[str]:
    """The last line of each."""
    found = TRACEBACK.findall(log)
    for line in log.splitlines():
        if line.startswith("{") and "Traceback (most recent" in line:
            told = json.loads(line)
            found.append(f"{told.get('event')}: {told.get('exception', '').splitlines()[-1:]}")
    return found
