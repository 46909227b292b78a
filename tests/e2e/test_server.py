"""Our own server: how it ends, what it refuses, and what it does not let grow."""

import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from soak.services import eventually, running
from tests.e2e.client import PATIENCE, Visitor, call, raw
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.wire import TEXT, handshake, request, wire
from tests.e2e.workers import Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

Serve = Callable[..., Served]
LOADED = 120.0  # seconds for a worker to load, at most, and for what it replaces to end


@pytest.fixture(scope="module")
def production(small_site: Site) -> Iterator[Served]:
    worker = Production(small_site, "production")
    with running(worker):
        yield Served(small_site, [worker])


@pytest.fixture
def own_production(small_site: Site, serve: Serve) -> Served:
    """One that the test may end."""
    return serve(Production(small_site, "own-production"))


@pytest.fixture
def unhurried(small_site: Site, serve: Serve) -> Served:
    """One that waits long for those who do not answer its close."""
    site = Site(
        small_site.directory,
        database_url=small_site.database_url,
        DJANGO_SETTINGS_MODULE="tests.e2e.unhurried_settings",
    )
    return serve(Production(site, "unhurried"))


@pytest.fixture
def two_workers(large_site: Site, serve: Serve) -> Served:
    return serve(Production(large_site, "production", workers=2))


def resident(pid: int) -> int:
    """In bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


# --- the end ---


async def test_sigterm_tells_every_client_when_to_come_back(
    own_production: Served,
) -> None:
    (ann,) = await own_production.guests("Ann")
    worker = own_production.first
    async with ann.in_room(worker, "general") as one, ann.at_the_bell(worker) as two:
        watch = Stopwatch(worker)
        worker._send(signal.SIGTERM)
        for at_ann in (one, two):
            closing_frame = await at_ann.until("closing")
            assert closing_frame["code"] == 4503
            assert 0 < closing_frame["retry_after"] <= 5
            assert await at_ann.closed() == 4503
    await asyncio.to_thread(worker.ended, within=PATIENCE)
    assert_below(watch.seconds, 10)
    assert "Traceback" not in worker.logged()


async def test_who_comes_while_others_are_waited_for_is_told_too(unhurried: Served) -> None:
    """Over an HTTP connection that was kept: the server takes no new ones."""
    ann, ben = await unhurried.guests("Ann", "Ben")
    worker = unhurried.first
    async with (
        raw(worker, "/ws/chat/general/", token=ben.access, ping_interval=None) as deaf,
        wire(worker) as kept,
    ):
        await deaf.recv()
        deaf.transport.pause_reading()  # it does not answer its close: the server waits for it
        await kept.send(request(worker, "/healthz"))
        assert (await kept.answer()).status == 200
        await kept.reader.readuntil(b"}")
        worker._send(signal.SIGTERM)
        await until_logged(worker, "draining")
        token = f"Authorization: Bearer {ann.access}"
        await kept.send(handshake(worker, "/ws/chat/general/", token))
        assert (await kept.answer()).status == 101
        while b'"code":4503' not in await kept.until(TEXT):
            pass


async def test_a_post_that_sigterm_finds_under_way_is_acknowledged_or_not_stored(
    own_production: Served,
) -> None:
    (ann,) = await own_production.guests("Ann")
    room = await own_production.room()
    async with ann.in_room(own_production.first, room) as at_ann:
        with suppress(ConnectionClosed):  # before she has said all
            for number in range(200):
                await at_ann.say("hi", str(number))
                if number == 100:
                    own_production.first._send(signal.SIGTERM)
        assert await at_ann.closed() == 4503
    await asyncio.to_thread(own_production.first.ended, within=PATIENCE)
    log = own_production.first.site.log(room)
    stored = {entry.client_id: entry.seq for entry in log if entry.client_id}
    acknowledged = ann.journal(room).acknowledged
    assert acknowledged.items() <= stored.items()


async def test_the_workers_end_with_a_master_that_is_killed(two_workers: Served) -> None:
    workers = two_workers.first.worker_pids()
    two_workers.first._send(signal.SIGKILL)  # and to nobody else
    await asyncio.to_thread(
        eventually, lambda: all(map(gone, workers)), within=PATIENCE, what="the workers to end"
    )


async def test_sighup_replaces_the_workers_and_keeps_the_port(own_production: Served) -> None:
    worker = own_production.first
    (ann,) = await own_production.guests("Ann")
    before = worker.worker_pids()
    async with ann.in_room(worker, "general") as at_ann:
        worker._send(signal.SIGHUP)
        assert await at_ann.closed(within=LOADED) == 4503
    await asyncio.to_thread(
        eventually,
        lambda: not (worker.worker_pids() & before) and worker.answers(),
        within=LOADED,
        what="the new workers",
    )
    async with ann.in_room(worker, "general") as at_ann:
        await at_ann.say("still here", "1")
        await at_ann.until("sent")


def test_more_than_one_worker_without_redis_is_refused_with_the_reason(small_site: Site) -> None:
    worker = Production(small_site, "refused", workers=2)
    worker.launch()
    assert worker.ended(within=LOADED) != 0
    assert "REDIS_URL" in worker.logged()


# --- bounds ---


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_before_it_is_kept(
    production: Served, chunked: bool
) -> None:
    (pid,) = production.first.worker_pids()
    await call(production.first, "GET", "/healthz")
    before = resident(pid)
    answer = await post_megabytes(production.first, 100, chunked=chunked)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_long"
    assert resident(pid) - before < 20 * 1024 * 1024
    assert production.first.says("/healthz")


async def post_megabytes(worker: Worker, count: int, *, chunked: bool) -> bytes:
    megabyte = b"x" * 1024 * 1024
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {count << 20}"
    async with wire(worker) as one:
        answer = asyncio.create_task(one.rest(within=60))
        await one.send(request(worker, "/nowhere/", length, method="POST"))
        for _ in range(count):
            part = b"100000\r\n" + megabyte + b"\r\n" if chunked else megabyte
            if not await one.send(part):  # it was answered, and then heard for long enough
                break
        if chunked:
            await one.send(b"0\r\n\r\n")
        return await answer


def unread(worker: Worker, room: str, visitor: Visitor) -> AbstractAsyncContextManager[Any]:
    """A connection that takes no more than it is asked for, and does not mind silence."""
    path = f"/ws/chat/{room}/"
    return raw(worker, path, token=visitor.access, max_queue=1, ping_interval=None)


async def test_a_reader_that_never_reads_is_closed_and_disturbs_nobody(production: Served) -> None:
    ann, ben = await production.guests("Ann", "Ben")
    room = await production.room()
    (pid,) = production.first.worker_pids()
    async with (
        unread(production.first, room, ben) as deaf,
        ann.in_room(production.first, room) as at_ann,
    ):
        deaf.transport.pause_reading()
        before = resident(pid)
        closed = asyncio.create_task(until_logged(production.first, "slow_socket_closed"))
        data = "x" * 4000
        while not closed.done():
            watch = Stopwatch(production.first)
            await at_ann.send(type="event", name="noise", data=data, ref="r")
            await at_ann.until("sent")
            assert_below(watch.seconds, 2)
        await closed
        assert resident(pid) - before < 12 * 1024 * 1024
        await at_ann.say("still here", "1")
        await at_ann.until("message")


async def test_megabytes_that_were_missed_all_come_to_a_client_that_reads(
    production: Served,
) -> None:
    ann, ben = await production.guests("Ann", "Ben")
    room = await production.room()
    async with ann.in_room(production.first, room) as at_ann:
        for start in range(0, 150, 10):  # she reads what she says, too
            said = [str(number) for number in range(start, start + 10)]
            for client_id in said:
                await at_ann.say("<" * 8000, client_id)
            await at_ann.acknowledged(said, within=60)
    last = max(ann.journal(room).acknowledged.values())
    async with ben.in_room(production.first, room, after=0) as at_ben:
        await at_ben.caught_up(last, within=60)
    assert ben.journal(room).agrees_with(production.first.site.log(room))


async def until_logged(worker: Worker, event: str) -> None:
    async with asyncio.timeout(60):
        while event not in worker.logged():  # noqa: ASYNC110 - another process's log
            await asyncio.sleep(0.05)


async def test_a_flood_is_not_read_faster_than_it_is_answered(production: Served) -> None:
    """Frames beyond those that a consumer is busy with stay with the client."""
    ann, ben = await production.guests("Ann", "Ben")
    room = await production.room()
    (pid,) = production.first.worker_pids()
    async with (
        unread(production.first, room, ben) as flood,
        ann.in_room(production.first, room) as at_ann,
    ):
        before = resident(pid)
        flood.transport.pause_reading()
        frame = json.dumps({"type": "history", "limit": 200, "ref": "x" * 60})
        sending = asyncio.create_task(send_all(flood, frame, 20_000))
        for number in range(20):
            watch = Stopwatch(production.first)
            await at_ann.say("hi", str(number))
            await at_ann.until("sent")
            assert_below(watch.seconds, 5)
        sending.cancel()
        assert resident(pid) - before < 32 * 1024 * 1024


async def test_who_floods_the_echo_and_never_reads_is_closed_and_memory_stays(
    production: Served,
) -> None:
    (pid,) = production.first.worker_pids()
    async with raw(production.first, "/ws/echo/", max_queue=1, ping_interval=None) as flood:
        flood.transport.pause_reading()
        before = resident(pid)
        slow = production.first.logged().count("slow_socket_closed")
        sending = asyncio.create_task(send_all(flood, "x" * 60_000, 20_000))
        async with asyncio.timeout(60):
            while production.first.logged().count("slow_socket_closed") == slow:
                assert resident(pid) - before < 16 * 1024 * 1024
                await asyncio.sleep(0.05)
        sending.cancel()
        assert resident(pid) - before < 16 * 1024 * 1024


async def send_all(connection: object, frame: str, count: int) -> None:
    for _ in range(count):
        await connection.send(frame)  # type: ignore[attr-defined]


async def test_a_dead_peer_is_dropped_within_25_seconds(production: Served) -> None:
    """One that is connected and answers no ping: the others see it leave."""
    ann, ben = await production.guests("Ann", "Ben")
    room = await production.room()
    async with (
        ann.in_room(production.first, room) as at_ann,
        raw(production.first, f"/ws/chat/{room}/", token=ben.access, ping_interval=None) as silent,
    ):
        await at_ann.sees("joined", ben)
        silent.transport.pause_reading()
        watch = Stopwatch(production.first)
        await at_ann.sees("left", ben, within=60)
        assert_below(watch.seconds, 25)


async def test_who_answers_no_ping_is_told_and_closed_with_4408(production: Served) -> None:
    """One that reads all and says nothing, not even a pong."""
    (ben,) = await production.guests("Ben")
    began, watch = time.monotonic(), Stopwatch(production.first)
    answers = await asyncio.to_thread(mute_until_the_end, production.first, ben.access)
    ping = answers.index(b"\x89\x00")
    told = answers.index(b'{"type":"closing","code":4408,"retry_after":')
    assert ping < told < answers.index(b"\x88\x02\x11\x38")
    assert time.monotonic() - began >= 20
    assert_below(watch.seconds, 25)


def mute_until_the_end(worker: Worker, token: str) -> bytes:
    """All that the server says to a client that upgrades and never writes again."""
    head = (
        "GET /ws/notifications/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    with closing(socket.create_connection(("127.0.0.1", worker.port), timeout=60)) as connection:
        connection.sendall(head.encode())
        answer = b""
        with suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        return answer
