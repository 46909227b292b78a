"""Our own server: how it ends, what it refuses, and what it does not let grow."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.client import Visitor, call, raw
from tests.e2e.conftest import Served
from tests.e2e.services import eventually, running
from tests.e2e.workers import Site, Worker

Serve = Callable[..., Served]


class Production(Worker):
    """`manage.py serve`: gunicorn's master, and the workers under it."""

    def __init__(self, site: Site, name: str, *, workers: int = 1) -> None:
        super().__init__(site, name)
        self._workers = workers

    @property
    def command(self) -> list[str]:
        return [
            sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{self.port}",
            "--workers", str(self._workers),
        ]  # fmt: skip

    @property
    def master(self) -> int:
        assert self._process is not None
        return self._process.pid

    def worker_pids(self) -> set[int]:
        children = Path(f"/proc/{self.master}/task/{self.master}/children").read_text()
        return {int(pid) for pid in children.split()}


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
        worker._send(signal.SIGTERM)
        for at_ann in (one, two):
            closing_frame = await at_ann.until("closing")
            assert closing_frame["code"] == 4503
            assert 0 < closing_frame["retry_after"] <= 5
            assert await at_ann.closed() == 4503
    await asyncio.to_thread(worker.ended, within=10)
    assert "Traceback" not in worker.logged()


async def test_a_post_that_sigterm_finds_under_way_is_acknowledged_or_not_stored(
    own_production: Served,
) -> None:
    (ann,) = await own_production.guests("Ann")
    room = await own_production.room()
    async with ann.in_room(own_production.first, room) as at_ann:
        for number in range(200):
            await at_ann.say("hi", str(number))
            if number == 100:
                own_production.first._send(signal.SIGTERM)
        assert await at_ann.closed() == 4503
    await asyncio.to_thread(own_production.first.ended, within=10)
    log = own_production.first.site.log(room)
    stored = {entry.client_id: entry.seq for entry in log if entry.client_id}
    acknowledged = ann.journal(room).acknowledged
    assert acknowledged.items() <= stored.items()


async def test_a_worker_that_dies_is_replaced(two_workers: Served) -> None:
    worker = two_workers.first
    before = worker.worker_pids()
    assert len(before) == 2
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    await asyncio.to_thread(
        eventually,
        lambda: len(worker.worker_pids() - {victim}) == 2 and worker.answers(),
        within=20,
        what="a new worker",
    )


async def test_the_workers_end_with_a_master_that_is_killed(two_workers: Served) -> None:
    workers = two_workers.first.worker_pids()
    two_workers.first.kill()
    await asyncio.to_thread(
        eventually, lambda: all(map(gone, workers)), within=15, what="the workers to end"
    )


async def test_sighup_replaces_the_workers_and_keeps_the_port(own_production: Served) -> None:
    worker = own_production.first
    (ann,) = await own_production.guests("Ann")
    before = worker.worker_pids()
    async with ann.in_room(worker, "general") as at_ann:
        worker._send(signal.SIGHUP)
        assert await at_ann.closed(within=20) == 4503
    await asyncio.to_thread(
        eventually,
        lambda: not (worker.worker_pids() & before) and worker.answers(),
        within=20,
        what="the new workers",
    )
    async with ann.in_room(worker, "general") as at_ann:
        await at_ann.say("still here", "1")
        await at_ann.until("sent")


def test_more_than_one_worker_without_redis_is_refused_with_the_reason(small_site: Site) -> None:
    worker = Production(small_site, "refused", workers=2)
    worker.launch()
    assert worker.ended(within=30) != 0
    assert "REDIS_URL" in worker.logged()


# --- bounds ---


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_before_it_is_kept(
    production: Served, chunked: bool
) -> None:
    (pid,) = production.first.worker_pids()
    await call(production.first, "GET", "/healthz")
    before = resident(pid)
    answer = await asyncio.to_thread(post_megabytes, production.first, 100, chunked=chunked)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "too_long"
    assert resident(pid) - before < 20 * 1024 * 1024
    assert production.first.says("/healthz")


def post_megabytes(worker: Worker, count: int, *, chunked: bool) -> bytes:
    megabyte = b"x" * 1024 * 1024
    head = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % (count << 20)
    with closing(socket.create_connection(("127.0.0.1", worker.port), timeout=30)) as connection:
        connection.sendall(b"POST /nowhere/ HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n\r\n")
        for _ in range(count):
            connection.sendall(b"100000\r\n" + megabyte + b"\r\n" if chunked else megabyte)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


async def test_a_reader_that_never_reads_is_closed_and_disturbs_nobody(production: Served) -> None:
    ann, ben = await production.guests("Ann", "Ben")
    room = await production.room()
    (pid,) = production.first.worker_pids()
    async with (
        raw(production.first, f"/ws/chat/{room}/", token=ben.access, max_queue=1) as deaf,
        ann.in_room(production.first, room) as at_ann,
    ):
        deaf.transport.pause_reading()
        before = resident(pid)
        closed = asyncio.create_task(until_logged(production.first, "slow_socket_closed"))
        data = "x" * 4000
        while not closed.done():
            await at_ann.send(type="event", name="noise", data=data, ref="r")
            await at_ann.until("sent", within=2)
        await closed
        assert resident(pid) - before < 12 * 1024 * 1024
        await at_ann.say("still here", "1")
        await at_ann.until("message", within=2)


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
        raw(production.first, f"/ws/chat/{room}/", token=ben.access, max_queue=1) as flood,
        ann.in_room(production.first, room) as at_ann,
    ):
        before = resident(pid)
        flood.transport.pause_reading()
        frame = json.dumps({"type": "history", "limit": 200, "ref": "x" * 60})
        sending = asyncio.create_task(send_all(flood, frame, 20_000))
        for number in range(20):
            await at_ann.say("hi", str(number))
            await at_ann.until("sent", within=5)
        sending.cancel()
        assert resident(pid) - before < 32 * 1024 * 1024


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
        async with asyncio.timeout(25):
            while True:
                frame = await at_ann.until("presence", within=25)
                if ben.person in frame["left"]:
                    break


# --- the same on other servers ---


class Uvicorn(Worker):
    @property
    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "--port", str(self.port), "--lifespan", "off",
            "--no-access-log", "chatsite.asgi:application",
        ]  # fmt: skip


@pytest.fixture(params=[Production, Worker, Uvicorn], ids=["serve", "daphne", "uvicorn"])
def any_server(request: pytest.FixtureRequest, small_site: Site) -> Iterator[Served]:
    worker = request.param(small_site, request.param.__name__.lower())
    with running(worker):
        yield Served(small_site, [worker])


async def test_every_server_gives_the_same_frames_order_and_codes(any_server: Served) -> None:
    worker = any_server.first
    ann, ben = await any_server.guests("Ann", "Ben")
    room = await any_server.room()
    async with ann.in_room(worker, room, after=0) as at_ann, ben.in_room(worker, room) as at_ben:
        for number in range(50):
            await at_ann.say(f"m{number}", str(number))
        last = max([(await at_ann.until("sent"))["seq"] for _ in range(50)])
        await at_ann.caught_up(last)
        await at_ben.caught_up(last)
        await at_ben.send(type="event", name="move", data={"x": 1}, ref="1")
        assert (await at_ben.until("sent"))["ref"] == "1"
        await at_ann.until("event", name="move", data={"x": 1})
        await at_ben.send(type="nonsense")
        assert (await at_ben.until("error"))["code"] == "unknown_type"
    assert ann.journal(room).agrees_with(worker.site.log(room))
    await closes_with(worker, ann, "/ws/chat/nowhere/", 4404)
    await closes_with(worker, ann, "/ws/nowhere/", 4404)
    await closes_with(worker, ann, f"/ws/chat/{room}/?after=x", 4400)
    nobody = Visitor(id="", name="", access="nonsense")
    await closes_with(worker, nobody, f"/ws/chat/{room}/", 4401)


async def closes_with(worker: Worker, visitor: Visitor, path: str, code: int) -> None:
    async with raw(worker, path, token=visitor.access) as connection:
        frame = json.loads(await asyncio.wait_for(connection.recv(), 5))
        assert frame["type"] == "error"
        await asyncio.wait_for(connection.wait_closed(), 5)
        assert connection.close_code == code
