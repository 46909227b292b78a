"""PostgreSQL frozen, stopped, locked: an answer in time, nothing false, and no restart after it."""

import asyncio
import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from realtime.conf import conf
from soak.machine import state, tree
from soak.services import PostgresServer, RedisServer, eventually, running
from tests.e2e.client import PATIENCE, Socket, Visitor, call
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

Serve = Callable[..., Served]
BOUND = 8.0  # seconds
POOL = 12  # connections of a worker, at most
WAITED, LONG_WAIT = "still waiting", "300ms"  # PostgreSQL logs it of a lock that takes longer


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """One that the tests here may break."""
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    with running(server):
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET log_lock_waits = on")
            connection.execute(f"ALTER SYSTEM SET deadlock_timeout = '{LONG_WAIT}'".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server
    server.remove()


@pytest.fixture(scope="module")
def served(
    postgres: PostgresServer, redis: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    site = Site(
        tmp_path_factory.mktemp("away"),
        database_url=postgres.create_database("chatsite"),
        redis_url=redis.url,
    )
    site.prepare()
    workers = [Worker(site, "away-a"), Worker(site, "away-b", runserver=True)]
    with running(*workers):
        yield Served(site, workers)


def signal_all(postgres: PostgresServer, number: signal.Signals) -> None:
    assert postgres._process
    for pid in tree(postgres._process.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def stands_still(pids: list[int]) -> bool:
    return all(state(pid) in {"T", "Z", ""} for pid in pids)


@contextmanager
def frozen(postgres: PostgresServer) -> Iterator[None]:
    assert postgres._process
    master = postgres._process.pid
    try:
        postgres.freeze()  # the first, for it would start others
        eventually(lambda: stands_still([master]), within=PATIENCE, what="no more of them")
        signal_all(postgres, signal.SIGSTOP)
        eventually(lambda: stands_still(tree(master)), within=PATIENCE, what="a standstill")
        yield
    finally:
        signal_all(postgres, signal.SIGCONT)


@contextmanager
def stopped(postgres: PostgresServer) -> Iterator[None]:
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


@contextmanager
def locked(postgres: PostgresServer) -> Iterator[None]:
    """Somebody's long transaction has the rooms."""
    with psycopg.connect(postgres.url("chatsite")) as connection:
        connection.execute("LOCK TABLE chat_room")
        yield


AWAY = [frozen, stopped, locked]


@pytest.fixture
def away(request: pytest.FixtureRequest, served: Served) -> Iterator[Any]:
    """A way in which the database goes.

    A connection that was cut is found out by whoever gets it. That is not to be the next test: each
    question of readiness takes the one that was longest unused.
    """
    yield request.param
    for worker in served.workers if request.param is stopped else ():
        ready = lambda worker=worker: all(worker.says("/readyz") for _ in range(POOL))  # noqa: E731
        eventually(ready, within=2 * PATIENCE, what=f"{worker.name} to be ready again and again")


async def refused(socket: Socket, client_id: str) -> None:
    """Post, and hear `unavailable`."""
    watch = Stopwatch()
    await socket.say("hello", client_id)
    error = await socket.until("error", client_id=client_id)
    assert_below(watch.seconds, BOUND)
    assert error["code"] == "unavailable"
    assert error["retry_after"] > 0
    assert client_id not in socket.journal.acknowledged


async def repeated(socket: Socket, client_id: str) -> dict[str, Any]:
    """Post again and again, as a client does, until it is acknowledged."""
    deadline = time.monotonic() + PATIENCE
    while True:
        await socket.say("hello", client_id)
        answer = await socket.next()
        while answer["type"] not in {"sent", "error", "close"}:
            answer = await socket.next()
        if answer["type"] == "sent":
            return answer
        assert answer.get("code") == "unavailable", answer
        assert time.monotonic() < deadline


async def test_a_room_that_another_transaction_keeps_holds_up_no_other_room(
    served: Served, postgres: PostgresServer
) -> None:
    kept, free = await served.room(), await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, kept) as at_kept,
        ben.in_room(served.first, free) as at_free,
    ):
        with psycopg.connect(postgres.url("chatsite")) as connection:
            connection.execute("SELECT id FROM chat_room WHERE slug = %s FOR UPDATE", (kept,))
            watch = Stopwatch()
            await at_kept.say("hello", "1")
            for number in range(40):
                await at_free.say("hello", str(number))
            await at_kept.until("error", client_id="1", code="unavailable")
            await at_free.acknowledged([str(number) for number in range(40)])
            assert_below(watch.seconds, BOUND)
            waited = postgres.logged().count(WAITED)
            assert waited
            await asyncio.sleep(conf.RETRY_AFTER)
            await refused(at_kept, "1")
            assert postgres.logged().count(WAITED) == waited  # by then without patience
        await repeated(at_kept, "1")
    assert not [frame for frame in at_free.frames if frame["type"] == "error"]


@pytest.mark.parametrize("away", AWAY, indirect=True)
async def test_who_posts_is_told_in_time_and_what_is_repeated_is_stored_once(
    away: Any, served: Served, postgres: PostgresServer
) -> None:
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        await at_ann.say("before", "0")
        await at_ann.until("sent", client_id="0")
        with away(postgres):
            for number in ("1", "2", "1"):
                await refused(at_ann, number)
            await refused(at_ben, "3")
        for at, number in ((at_ann, "1"), (at_ann, "2"), (at_ben, "3")):
            await repeated(at, number)
        for at in (at_ann, at_ben):
            assert at.open
            await at.caught_up(5)
    log = served.site.log(room)
    assert sorted(entry.client_id for entry in log if entry.client_id) == ["0", "1", "2", "3"]
    for person in (ann, ben):
        assert person.journal(room).agrees_with(log)
    for worker in served.workers:
        assert "Traceback" not in worker.logged()
        ready = lambda worker=worker: worker.says("/readyz")  # noqa: E731
        await asyncio.to_thread(eventually, ready, within=PATIENCE, what="readiness")


@pytest.mark.parametrize("away", AWAY, indirect=True)
async def test_many_who_post_at_once_are_all_told_in_time(
    away: Any, served: Served, postgres: PostgresServer
) -> None:
    """More than one batch of the queue, beside other work than there are threads for."""
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.first, room) as at_ben,
    ):
        with away(postgres):
            for number in range(60):
                await at_ann.say("hello", str(number))
                await at_ben.say("hello", f"b{number}")
            watch = Stopwatch()
            for number in range(60):
                await at_ann.until("error", client_id=str(number))
                await at_ben.until("error", client_id=f"b{number}")
            assert_below(watch.seconds, BOUND)
        await repeated(at_ann, "0")


def post(worker: Worker, path: str, visitor: Visitor, body: Any) -> tuple[int, str, Any]:
    """The status, `Retry-After` and the body of an answer that is an error."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {visitor.access}"}
    request = urllib.request.Request(worker.http + path, json.dumps(body).encode(), headers)  # noqa: S310 - ours
    with pytest.raises(urllib.error.HTTPError) as raised:
        worker.opener.open(request, timeout=PATIENCE)
    error = raised.value
    return error.code, error.headers["Retry-After"] or "", json.load(error)


@pytest.mark.parametrize("away", AWAY, indirect=True)
async def test_over_http_it_is_503_with_a_time_to_come_back(
    away: Any, served: Served, postgres: PostgresServer
) -> None:
    room = await served.room()
    (ann,) = await served.guests("Ann")
    path, body = f"/api/rooms/{room}/messages/", {"text": "hello", "client_id": "http"}
    with away(postgres):
        watch = Stopwatch()
        status, retry_after, told = await asyncio.to_thread(post, served.first, path, ann, body)
        assert (status, told["code"]) == (503, "unavailable")
        assert int(retry_after) >= told["retry_after"] > 0
        assert_below(watch.seconds, BOUND)
    async with asyncio.timeout(PATIENCE):
        again = await call(served.first, "POST", path, token=ann.access, **body)
        while again.status == 503:
            again = await call(served.first, "POST", path, token=ann.access, **body)
    assert again.status in {200, 201}
    log = served.site.log(room)
    assert [entry.client_id for entry in log].count("http") == 1


@pytest.mark.parametrize("away", [frozen, stopped], indirect=True)
async def test_who_comes_meanwhile_is_asked_to_come_back(
    away: Any, served: Served, postgres: PostgresServer
) -> None:
    room = await served.room()
    (ann,) = await served.guests("Ann")
    with away(postgres):
        async with ann.in_room(served.first, room) as at_ann:
            (error, *_) = at_ann.frames
            assert (error["type"], error["code"]) == ("error", "unavailable")
            assert error["retry_after"] > 0
            assert await at_ann.closed() == 4503
