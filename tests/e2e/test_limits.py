"""Limits hold at ten times what is allowed, on all workers, and free themselves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from soak.services import RedisServer, eventually
from tests.e2e.client import LATE, PATIENCE, Socket, Visitor, call, connected, guest
from tests.e2e.conftest import Served
from tests.e2e.workers import Entry, Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

ROOM = "general"
PATH = f"/ws/chat/{ROOM}/"
LEASE_OVER = 13.0  # seconds after a worker died
PROMPT = 1.0


def limited(site: Site, **limits: str) -> Site:
    """The same site, with limits."""
    return Site(
        site.directory,
        database_url=site.database_url,
        redis_url=site.environment["REDIS_URL"],
        DJANGO_SETTINGS_MODULE=site.environment["DJANGO_SETTINGS_MODULE"],
        **{f"LIMIT_{name}": value for name, value in limits.items()},
    )


async def flood(socket: Any, number: int) -> tuple[int, list[dict[str, Any]]]:
    """Post so many messages at once: how many were stored, and the errors."""
    for n in range(number):
        await socket.say("x", f"{id(socket)}-{n}")
    stored, errors = 0, []
    while stored + len(errors) < number:
        frame = await socket.next()
        if frame["type"] == "close":
            break
        stored += frame["type"] == "sent"
        if frame["type"] == "error":
            errors.append(frame)
    return stored, errors


def flooded(site: Site, socket: Any) -> list[Entry]:
    """What of a flood was stored: others have posted in the site that this one is a copy of."""
    prefix = f"{id(socket)}-"
    return [entry for entry in site.log(ROOM) if (entry.client_id or "").startswith(prefix)]


async def came_in(worker: Worker, visitor: Visitor) -> bool:
    async with connected(worker, PATH, token=visitor.access) as socket:
        return bool(socket.welcome)


async def test_whoever_floods_a_socket_is_told_and_then_closed(
    own_site: Site, serve: Callable[..., Served]
) -> None:
    site = limited(own_site, FRAMES_PER_SECOND="10")
    worker = serve(Worker(site, "frames", runserver=True)).first
    visitor = await guest(worker, "Ann")
    async with visitor.in_room(worker, ROOM) as socket:
        began = time.monotonic()
        _, errors = await flood(socket, 200)
        assert socket.connection.close_code == 4429
        seconds = time.monotonic() - began
    # The socket is closed before they are acknowledged; the client would send them again.
    passed = "the posts that were let through"
    eventually(lambda: len(flooded(site, socket)) >= 20, within=PATIENCE, what=passed)
    assert len(flooded(site, socket)) <= 21 + 10 * seconds
    assert len(errors) == 20
    assert {error["code"] for error in errors} == {"rate_limited"}
    assert all(error["retry_after"] > 0 and error["client_id"] for error in errors)
    async with visitor.in_room(worker, ROOM) as socket:  # a new socket begins anew
        await socket.say("again", "again")
        await socket.until("sent", client_id="again")


@pytest.mark.parametrize("runserver", [True, False], ids=["own server", "plain daphne"])
async def test_new_sockets_from_one_address_come_no_faster_and_are_told_why(
    own_site: Site, serve: Callable[..., Served], runserver: bool
) -> None:
    site = limited(own_site, HANDSHAKES_PER_SECOND="2")
    worker = serve(Worker(site, "handshakes", runserver=runserver)).first
    refused = 0
    begun = time.monotonic()
    for _ in range(40):
        async with connected(worker, PATH) as socket:  # nobody: 4401 for those who come through
            error = socket.frames[0]
            code = await socket.closed()
        if code == 4429:
            refused += 1
            assert error["code"] == "rate_limited"
            assert error["retry_after"] >= 0.5
        else:
            assert (error["code"], code) == ("not_signed_in", 4401)
    passed = time.monotonic() - begun
    assert 36 - 2 * passed - 1 <= refused <= 36
    async with asyncio.timeout(PATIENCE):
        while code != 4401:
            async with connected(worker, PATH) as socket:
                code = await socket.closed()


async def test_two_workers_count_the_messages_of_a_person_together(
    large_site: Site, serve: Callable[..., Served]
) -> None:
    site = limited(large_site, MESSAGES_PER_SECOND="1")
    served = serve(Worker(site, "messages-a"), Worker(site, "messages-b", runserver=True))
    visitor = await guest(served.first, "Ann")
    async with (
        visitor.in_room(served.first, ROOM) as one,
        connected(served.last, PATH, token=visitor.access) as two,
    ):
        begun = time.monotonic()
        results = await asyncio.gather(flood(one, 10), flood(two, 10))
        passed = time.monotonic() - begun
        assert sum(stored for stored, _ in results) in range(2, 4 + int(passed))
        await asyncio.sleep(max(error["retry_after"] for _, errors in results for error in errors))
        await two.say("after", "after")
        await two.until("sent", client_id="after")
        token = visitor.access
        path = f"/api/rooms/{ROOM}/messages/"
        begun = time.monotonic()
        answers = await asyncio.gather(
            *(
                call(served.first, "POST", path, token=token, text="a", client_id=f"http-{n}")
                for n in range(20)
            )
        )
        passed = time.monotonic() - begun
        refused = [answer for answer in answers if answer.status == 429]
        assert len(answers) - len(refused) < 4 + int(passed)
        assert {answer.body["code"] for answer in refused} == {"rate_limited"}


async def test_the_sockets_of_a_person_are_counted_on_all_workers_and_die_with_them(
    large_site: Site, serve: Callable[..., Served]
) -> None:
    site = limited(large_site, SOCKETS_PER_USER="4")
    served = serve(Worker(site, "sockets-a"), Worker(site, "sockets-b", runserver=True))
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, ROOM),
        ann.at_the_bell(served.first),
        ann.in_room(served.last, ROOM),
    ):
        async with ann.at_the_bell(served.last):
            for worker in served.workers:
                async with connected(worker, PATH, token=ann.access) as fifth:
                    error = fifth.frames[0]
                    assert (error["code"], await fifth.closed()) == ("rate_limited", 4429)
                    assert error["retry_after"] >= 5
                assert await came_in(worker, ben)
        async with once_free(served.first, ann, within=PATIENCE):
            assert not await came_in(served.last, ann)
            begun = time.monotonic()
            served.first.kill()
            async with once_free(served.last, ann, within=LEASE_OVER + LATE):
                assert time.monotonic() - begun > 5  # and not because nobody counted


@asynccontextmanager
async def once_free(worker: Worker, visitor: Visitor, *, within: float) -> AsyncIterator[Socket]:
    """A socket in the room, as soon as there is a place for it."""
    deadline = time.monotonic() + within
    while True:
        async with connected(worker, PATH, token=visitor.access) as socket:
            if socket.welcome:
                yield socket
                return
        assert time.monotonic() < deadline, "no place became free"
        await asyncio.sleep(0.1)


async def test_while_redis_is_frozen_nobody_is_locked_out_or_kept_waiting(
    large_site: Site, own_redis: RedisServer, serve: Callable[..., Served]
) -> None:
    """As ever, but for the time that each question to Redis is given."""
    site = limited(
        Site(large_site.directory, database_url=large_site.database_url, redis_url=own_redis.url),
        SOCKETS_PER_USER="3",
        SOCKETS_PER_ADDRESS="100",
        HANDSHAKES_PER_SECOND="100",
        MESSAGES_PER_SECOND="50",
        API_PER_SECOND="100",
        GUESTS_PER_MINUTE="100",
    )
    served = serve(Worker(site, "frozen-a", runserver=True), Worker(site, "frozen-b"))
    ann, ben = await served.guests("Ann", "Ben")
    async with ann.in_room(served.first, ROOM) as socket:
        await socket.say("before", "before")
        await socket.until("sent", client_id="before")
        own_redis.freeze()
        for number in range(5):
            watch = Stopwatch()
            await socket.say("x", str(number))
            await socket.until("sent", client_id=str(number))
            assert_below(watch.seconds, PROMPT)
        watch = Stopwatch()
        async with ben.in_room(served.first, ROOM) as other:
            assert other.welcome
        answer = await call(served.first, "GET", "/api/rooms/", token=ben.access)
        assert answer.status == 200
        assert_below(watch.seconds, 5)
        assert socket.open
        own_redis.thaw()
