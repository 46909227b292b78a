"""What a process says of itself, and to whom when the store is away."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from realtime import metrics
from realtime import reports as module
from realtime.report_store import MemoryReports, Report
from realtime.reports import Reporter, resident_bytes


class Store(MemoryReports):
    """`away` stands for Redis that is stopped; each report is an event."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.put_count: asyncio.Queue[Report] = asyncio.Queue()

    async def put(self, process: str, report: Report) -> None:
        if self.away:
            raise ConnectionError("away")
        await super().put(process, report)
        self.put_count.put_nowait(report)

    async def all(self) -> dict[str, Report]:
        if self.away:
            await asyncio.sleep(60)
        return await super().all()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def reporter(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reporter]:
    monkeypatch.setattr(module, "INTERVAL", 0.01)
    monkeypatch.setattr(module, "STORE_TIMEOUT", 0.05)
    reporter = Reporter(store)
    yield reporter
    await reporter.close()


async def next_report(store: Store) -> Report:
    return await asyncio.wait_for(store.put_count.get(), 60)


async def test_a_process_reports_again_and_again(store: Store, reporter: Reporter) -> None:
    first = await next_report(store)
    assert (await next_report(store)).uptime > first.uptime > 0
    assert (first.connections, first.rooms, first.messages_per_second) == (0, [], 0.0)
    assert 10 < first.memory_mb < 10_000


async def test_a_process_that_ended_is_counted_no_more(store: Store, reporter: Reporter) -> None:
    await next_report(store)
    await reporter.close()
    assert await store.all() == {}


async def test_the_rate_is_of_the_last_interval(store: Store, reporter: Reporter) -> None:
    await next_report(store)
    metrics.messages.inc(1000)
    while not (await next_report(store)).messages_per_second:
        pass
    while (await next_report(store)).messages_per_second:
        pass


async def test_the_reports_of_all_processes_are_there(store: Store, reporter: Reporter) -> None:
    other = Report(uptime=1, connections=2, rooms=["r"], memory_mb=3, messages_per_second=4)
    await next_report(store)
    await store.put("another", other)
    reports = await reporter.all()
    assert len(reports) == 2
    assert other in reports


async def test_while_the_store_is_away_a_process_knows_of_itself_and_reports_when_it_is_back(
    store: Store, reporter: Reporter
) -> None:
    await next_report(store)
    store.away = True
    assert len(await reporter.all()) == 1
    store.away = False
    store.put_count = asyncio.Queue()
    await next_report(store)


def test_memory_is_told_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    now = resident_bytes()

    def nowhere(_: str) -> None:
        raise OSError

    monkeypatch.setattr(module, "Path", nowhere)
    assert resident_bytes() > now / 2
