"""Workers that are replaced while people come: nobody is refused, nobody waits."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from soak.services import eventually
from tests.e2e.client import connected, raw
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.workers import Site
from tests.measured import assert_below

Serve = Callable[..., Served]
LONGEST_WAIT = 2.0  # seconds, or half of what a worker takes to load, where that is more
LOADED = 120.0  # seconds for workers to load and to end, at most


@pytest.fixture(params=[1, 2])
def several(request: pytest.FixtureRequest, small_site: Site, serve: Serve) -> tuple[Served, int]:
    site = small_site if request.param == 1 else request.getfixturevalue("large_site")
    worker = Production(site, "rolling", workers=request.param)
    served = serve(worker)
    logs(worker, "has started", request.param)
    return served, request.param


def logs(worker: Production, event: str, count: int) -> None:
    """An ended process is gone before its master says so."""
    said = lambda: worker.logged().count(event) == count  # noqa: E731
    eventually(said, within=LOADED, what=f"{count} workers: {event!r}")


class Visits:
    """Somebody comes anew, again and again: how long each visit took."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.enough = False

    async def keep_coming(self, visit: Callable[[], Awaitable[None]]) -> None:
        while not self.enough:
            began = time.monotonic()
            await visit()
            self.took.append(time.monotonic() - began)


@asynccontextmanager
async def visited(worker: Production) -> Any:
    async def over_http() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", worker.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    async def over_a_socket() -> None:
        async with raw(worker, "/ws/echo/") as connection:
            assert '"welcome"' in str(await connection.recv())

    kinds = [Visits(), Visits()]
    async with asyncio.TaskGroup() as group:
        for visits, visit in zip(kinds, (over_http, over_a_socket), strict=True):
            group.create_task(visits.keep_coming(visit))
        yield kinds
        for visits in kinds:
            visits.enough = True


async def replaced(worker: Production, before: set[int], *, count: int) -> None:
    def is_so() -> bool:
        now = worker.worker_pids()
        return not now & before and len(now) == count

    await asyncio.to_thread(eventually, is_so, within=LOADED, what="the new workers alone")


async def test_while_workers_are_replaced_nobody_is_refused_or_kept_waiting(
    several: tuple[Served, int],
) -> None:
    served, count = several
    worker = served.first
    before = worker.worker_pids()
    async with visited(worker) as kinds:
        worker.mark()
        worker._send(signal.SIGHUP)
        begun = time.monotonic()
        await asyncio.to_thread(logs, worker, "has started", count)
        loading = time.monotonic() - begun
        await replaced(worker, before, count=count)
    for visits in kinds:
        assert_below(max(visits.took), max(LONGEST_WAIT, loading / 2))
    for event in ("has started", "has been replaced", "is draining", "has ended"):
        await asyncio.to_thread(logs, worker, event, count)


async def test_an_old_worker_serves_until_a_new_one_does(several: tuple[Served, int]) -> None:
    """The clients of the old one are told only then."""
    served, _ = several
    worker = served.first
    async with connected(worker, "/ws/echo/"):
        pass
    (ann,) = await served.guests("Ann")
    worker.mark()
    async with ann.in_room(worker, "general") as at_ann:
        worker._send(signal.SIGHUP)
        closing = await at_ann.until("closing", within=LOADED)
        assert "has started" in worker.logged()
        assert closing["code"] == 4503
        assert 0 < closing["retry_after"] <= 5
        assert await at_ann.closed() == 4503


async def test_a_worker_that_cannot_load_leaves_the_old_ones_serving(
    small_site: Site, serve: Serve, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    worker = Production(small_site, "breaking", broken_if=broken)
    served = serve(worker)
    before = worker.worker_pids()
    (ann,) = await served.guests("Ann")
    async with ann.in_room(worker, "general") as at_ann:
        broken.touch()
        worker.mark()
        worker._send(signal.SIGHUP)
        await asyncio.to_thread(
            eventually,
            lambda: "failed to load" in worker.logged(),
            within=LOADED,
            what="the failure",
        )
        assert "the application is broken" in worker.logged()
        await at_ann.say("still here", "1")
        await at_ann.until("sent")
        assert worker.worker_pids() == before
        broken.unlink()
        worker._send(signal.SIGHUP)
        assert await at_ann.closed(within=LOADED) == 4503
    await replaced(worker, before, count=1)


async def test_a_worker_that_dies_is_named_and_replaced(several: tuple[Served, int]) -> None:
    served, count = several
    worker = served.first
    before = worker.worker_pids()
    victim = min(before)
    worker.mark()
    os.kill(victim, signal.SIGKILL)
    await asyncio.to_thread(
        eventually,
        lambda: len(worker.worker_pids() - {victim}) == count and worker.answers(),
        within=LOADED,
        what="a new worker",
    )
    assert f"Worker {victim} died (SIGKILL)" in worker.logged()


async def test_workers_that_are_killed_while_none_serves_do_not_end_the_site(
    small_site: Site, serve: Serve
) -> None:
    worker = Production(small_site, "killed-again")
    serve(worker)
    logs(worker, "has started", 1)
    for _ in range(3):  # the one that serves, and two of those that load after it
        (victim,) = worker.worker_pids()
        os.kill(victim, signal.SIGKILL)
        await asyncio.to_thread(
            eventually,
            lambda gone=victim: len(worker.worker_pids() - {gone}) == 1,
            within=LOADED,
            what="the next worker",
        )
    await asyncio.to_thread(eventually, worker.answers, within=LOADED, what="a worker that serves")
    assert worker.logged().count("died (SIGKILL)") == 3


def test_a_site_that_cannot_load_at_all_ends_and_says_why(small_site: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.touch()
    worker = Production(small_site, "broken", broken_if=broken)
    worker.launch()
    assert worker.ended(within=LOADED) != 0
    assert "the application is broken" in worker.logged()
    assert "failed to load" in worker.logged()
