"""Database work away from the event loop."""

import asyncio
import contextvars
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, connections

from realtime import database

pytestmark = pytest.mark.django_db(transaction=True)

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


class Connection:
    def __init__(self, vendor: str, *, broken: bool = False) -> None:
        self.vendor = vendor
        self.errors_occurred = broken
        self.released = 0

    def close_if_unusable_or_obsolete(self) -> None:
        self.released += 1


@pytest.fixture
def of_this_thread(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections that every database thread has."""
    here: list[Connection] = []

    class Connections:
        def all(self, *, initialized_only: bool) -> list[Connection]:
            assert initialized_only  # to open one in order to close it would be absurd
            return here

    monkeypatch.setattr(database, "connections", Connections())
    return here


async def test_the_result_comes_back_from_another_thread() -> None:
    def work(number: int, *, by: int) -> tuple[int, str]:
        return number * by, threading.current_thread().name

    result, thread = await database.run(work, 2, by=3)
    assert result == 6
    assert thread.startswith("realtime-database")


async def test_what_is_raised_comes_back_too() -> None:
    def work() -> None:
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        await database.run(work)


async def test_the_callers_context_goes_along_and_stays_as_it_was() -> None:
    def work() -> str:
        seen = who.get()
        who.set("the thread")
        return seen

    who.set("the caller")
    assert await database.run(work) == "the caller"
    assert who.get() == "the caller"
    assert await database.run(work) == "the caller"


async def test_one_slow_query_holds_up_nobody() -> None:
    answered = threading.Event()
    slow = asyncio.create_task(database.run(answered.wait, 30))
    await database.run(answered.set)
    assert await slow


async def test_there_are_no_more_threads_than_the_setting_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "THREADS", 2)
    most = now = 0
    lock = threading.Lock()
    both = threading.Barrier(2)

    def work() -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        both.wait(30)
        with lock:
            now -= 1

    await asyncio.gather(*(database.run(work) for _ in range(6)))
    assert most == 2


@pytest.mark.parametrize(
    ("vendor", "broken", "released"),
    [("postgresql", False, 1), ("postgresql", True, 1), ("sqlite", False, 0), ("sqlite", True, 1)],
)
async def test_a_connection_goes_back_to_its_pool_and_sqlites_stays_open_while_it_works(
    of_this_thread: list[Connection], vendor: str, broken: bool, released: int
) -> None:
    of_this_thread.append(connection := Connection(vendor, broken=broken))
    await database.run(lambda: None)
    assert connection.released == released


async def test_a_failure_gives_the_connection_back_as_well(
    of_this_thread: list[Connection],
) -> None:
    def work() -> None:
        raise LookupError

    of_this_thread.append(connection := Connection("postgresql"))
    with pytest.raises(LookupError):
        await database.run(work)
    assert connection.released == 1


class Away:
    """A database that is away, with one thread to find that out, and what was asked of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(database, "THREADS", 1)
        monkeypatch.setattr(database, "QUEUED_WHILE_AWAY", 0.01)
        self.asked = 0
        self.entered, self.answer = threading.Event(), threading.Event()

    def ask(self) -> None:
        self.asked += 1
        self.entered.set()
        self.answer.wait(30)
        raise OperationalError("away")

    def work(self) -> str:
        self.asked += 1
        return "done"


async def after_the_first(away: Away, calls: int) -> list[Any]:
    """What they come to that have waited for a thread while the first found nobody there."""
    waiting = [asyncio.create_task(database.run(away.ask))]
    assert await asyncio.to_thread(away.entered.wait, 30)
    waiting += [asyncio.create_task(database.run(away.work)) for _ in range(calls)]
    await asyncio.sleep(0.05)  # longer than they are to wait
    away.answer.set()
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_calls_that_waited_while_the_database_was_away_are_not_made_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = Away(monkeypatch)
    outcomes = await after_the_first(away, 5)
    assert [type(outcome) for outcome in outcomes] == [OperationalError] * 6
    assert away.asked == 1
    monkeypatch.setattr(database, "QUEUED_WHILE_AWAY", 60)  # however late its thread begins
    assert await database.run(away.work) == "done", "who comes now is the next to try"


async def test_calls_that_waited_for_their_turn_alone_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    away = Away(monkeypatch)
    monkeypatch.setattr(database, "_away", False)
    monkeypatch.setattr(away, "ask", lambda: away.entered.set() or away.answer.wait(30))
    assert (await after_the_first(away, 2))[1:] == ["done", "done"]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="of SQLite")
async def test_sqlite_is_opened_once_per_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "THREADS", 1)

    def opened() -> Any:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return connection.connection

    assert await database.run(opened) is await database.run(opened)


async def test_shutdown_ends_the_threads_and_the_next_call_starts_new_ones() -> None:
    first = await database.run(threading.current_thread)
    database.shutdown()
    assert not first.is_alive()
    second = await database.run(threading.current_thread)
    assert second is not first
    database.shutdown()
    database.shutdown()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    connections.close_all()
