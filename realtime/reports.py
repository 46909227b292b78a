"""What each process of the site says of itself, each second, for whoever watches the site.

One short call to the store is all that it costs while nobody does.
"""

import asyncio
import os
import resource
import sys
import time
from pathlib import Path
from uuid import uuid4

import structlog

from realtime import metrics
from realtime.conf import conf
from realtime.hub import hubs
from realtime.per_loop import PerLoop
from realtime.presence import presences
from realtime.report_store import Report, ReportStore, report_store
from realtime.tasks import end

logger = structlog.get_logger(__name__)

INTERVAL = conf.REPORT_INTERVAL  # seconds
STORE_TIMEOUT = conf.STORE_TIMEOUT
MEBIBYTE = 1024 * 1024

_began = time.monotonic()


class Reporter:
    def __init__(self, store: ReportStore) -> None:
        self.id = uuid4().hex
        self._store = store
        self._posted, self._posted_at = _messages_posted(), time.monotonic()
        self._rate = 0.0
        self._away = False
        self._work = asyncio.get_running_loop().create_task(self._keep_reporting())

    async def all(self) -> list[Report]:
        """Of every process, this one's as of now. Of this one alone while the store is away."""
        others: dict[str, Report] = {}
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                others = await self._store.all()
        except Exception as error:  # noqa: BLE001 - the store is away: what is known here must do
            self._note_away(error)
        return list({**others, self.id: self._report()}.values())

    async def close(self) -> None:
        reporters.forget(self)
        await end(self._work)
        try:
            async with asyncio.timeout(STORE_TIMEOUT):
                await self._store.drop(self.id)
        except Exception as error:  # noqa: BLE001 - the store is away: the lease runs out by itself
            self._note_away(error)

    async def _keep_reporting(self) -> None:
        while True:
            try:
                async with asyncio.timeout(STORE_TIMEOUT):
                    await self._store.put(self.id, self._report())
                self._away = False
            except Exception as error:  # noqa: BLE001 - the store is away: the next report may do
                self._note_away(error)
            await asyncio.sleep(INTERVAL)
            self._measure()

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            logger.warning("report_store_away", error=repr(error))

    def _measure(self) -> None:
        posted, now = _messages_posted(), time.monotonic()
        self._rate = (posted - self._posted) / (now - self._posted_at)
        self._posted, self._posted_at = posted, now

    def _report(self) -> Report:
        return Report(
            uptime=time.monotonic() - _began,
            connections=sum(len(hub.sockets) for hub in hubs.all()),
            rooms=[group for presence in presences.all() for group in presence.groups],
            memory_mb=resident_bytes() / MEBIBYTE,
            messages_per_second=self._rate,
        )


def _messages_posted() -> float:
    (counter,) = metrics.messages.collect()
    return counter.samples[0].value


def resident_bytes() -> int:
    """The memory of this process; the most that it ever was where the system tells no more."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


# `reporters.get()` is that of the running event loop.
reporters = PerLoop(lambda: Reporter(report_store()))
