"""`/metrics` speaks for all workers, whichever answers, and for none that died."""

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from soak.services import eventually
from tests.e2e.client import raw
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.workers import HTTP_TIMEOUT, Site

SOCKETS, POSTS = 6, 6  # the former of each worker


class Scrape:
    def __init__(self, site: Production) -> None:
        with site.opener.open(f"{site.http}/metrics", timeout=HTTP_TIMEOUT) as answer:
            text = answer.read().decode()
        self._values: defaultdict[str, dict[int, float]] = defaultdict(dict)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if set(sample.labels) == {"worker"}:
                    self._values[sample.name][int(sample.labels["worker"])] = sample.value

    def __getitem__(self, name: str) -> dict[int, float]:
        return self._values[f"realtime_{name}"]

    def whole(self, name: str) -> float:
        return sum(self[name].values())


@pytest.fixture
def pair(large_site: Site, serve: Callable[..., Served]) -> Served:
    worker = Production(large_site, "counted", workers=2)
    served = serve(worker)
    scrape_of_both(worker)
    return served


def scrape_of_both(site: Production) -> Scrape:
    """The next to which both workers answered in time: one without a core for a second does not."""
    scrapes: list[Scrape] = []

    def both_answered() -> bool:
        scrapes.append(Scrape(site))
        return list(scrapes[-1]["worker_up"].values()) == [1, 1]

    eventually(both_answered, within=60, what="two workers")
    return scrapes[-1]


def master_of(served: Served) -> Production:
    assert isinstance(served.first, Production)
    return served.first


async def sockets_at_each(stack: AsyncExitStack, site: Production) -> None:
    """Chance might lead all of them to one worker."""
    for other in site.worker_pids():
        with stopped(other):
            for _ in range(SOCKETS):
                echo = await stack.enter_async_context(raw(site, "/ws/echo/"))
                assert json.loads(await echo.recv())["type"] == "welcome"


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_every_scrape_is_of_all_workers(pair: Served) -> None:
    master = master_of(pair)
    room = await pair.room()
    (ann,) = await pair.guests("Ann")
    before = await asyncio.to_thread(scrape_of_both, master)
    async with AsyncExitStack() as stack:
        await sockets_at_each(stack, master)
        at_ann = await stack.enter_async_context(ann.in_room(master, room))
        for number in range(POSTS):
            await at_ann.say("counted", str(number))
            await at_ann.until("sent", client_id=str(number))
        scrapes = [await asyncio.to_thread(scrape_of_both, master) for _ in range(6)]
    for scrape in scrapes:
        assert set(scrape["worker_up"]) == master.worker_pids()
        assert scrape.whole("worker_up") == 2
        assert sorted(scrape["connections"].values()) == [SOCKETS, SOCKETS + 1]
        assert scrape.whole("messages_total") - before.whole("messages_total") == POSTS


async def test_a_worker_that_died_counts_no_more(pair: Served) -> None:
    master = master_of(pair)
    async with AsyncExitStack() as stack:
        await sockets_at_each(stack, master)
        before = await asyncio.to_thread(scrape_of_both, master)
        victim, survivor = master.worker_pids()
        os.kill(victim, signal.SIGKILL)

        def replaced() -> bool:
            workers = set(Scrape(master)["worker_up"])
            return victim not in workers and len(workers) == 2

        await asyncio.to_thread(eventually, replaced, within=60, what="another worker")
        after = await asyncio.to_thread(scrape_of_both, master)
        assert after.whole("connections") == before["connections"][survivor]
        assert after["connections"][survivor] == before["connections"][survivor]


async def test_a_worker_that_is_stopped_is_told_of(pair: Served) -> None:
    master = master_of(pair)
    victim, survivor = master.worker_pids()
    with stopped(victim):
        scrape = await asyncio.to_thread(Scrape, master)
        assert scrape["worker_up"] == {victim: 0, survivor: 1}
        assert set(scrape["connections"]) == {survivor}


def test_the_sockets_of_the_workers_are_the_users_alone_and_go_with_the_master(
    pair: Served,
) -> None:
    master = master_of(pair)
    directory = Path(found_directory(min(master.worker_pids())))
    assert directory.stat().st_mode & 0o777 == 0o700
    master.stop()
    assert not directory.exists()


def found_directory(pid: int) -> str:
    """Of the Unix socket that the process listens on."""
    for line in Path("/proc/net/unix").read_text().splitlines():
        if line.endswith(f"/{pid}.sock"):
            return str(Path(line.split()[-1]).parent)
    raise AssertionError("no socket")
