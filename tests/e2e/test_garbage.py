"""What closed sockets leave in memory: nothing that only the garbage collector would find."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from http.client import HTTPConnection

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from soak.services import eventually, running
from tests.e2e.client import PATIENCE, Visitor, call, connected, raw, silent
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.wire import PING, frame, handshake, opened, wire
from tests.e2e.workers import Site, Worker

GARBAGE_SOCKETS = 10  # of tests.e2e.watched_settings
SOCKETS = 50  # a thread that used the database and ended leaves 32 lists
ROOM = "/ws/chat/general/"
WATCHED = {"DJANGO_SETTINGS_MODULE": "tests.e2e.watched_settings"}

End = Callable[[Worker, Visitor], Awaitable[None]]


class Watched(Production):
    """With the paths of tests.e2e.watched."""

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | WATCHED


class WatchedByHand(Worker):
    def __init__(self, site: Site, name: str) -> None:
        super().__init__(site, name, runserver=True)

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | WATCHED


@pytest.fixture(scope="module")
def watched(small_site: Site) -> Iterator[Served]:
    worker = Watched(small_site, "watched")
    with running(worker):
        worker.call("GET", "/garbage/")
        yield Served(small_site, [worker])


async def freed(worker: Worker, what: str = "sockets", *, but: int = 0) -> None:
    """Wait until there are no more, by the paths of tests.e2e.watched; nothing is collected."""
    await asyncio.to_thread(
        eventually,
        lambda: worker.call("GET", "/memory/").body[what] <= but,
        within=PATIENCE,
        what=f"no {what} left in memory but {but}",
    )


# --- ways in which a socket ends ---


async def leaves_a_room(worker: Worker, ann: Visitor) -> None:
    async with connected(worker, ROOM, token=ann.access) as socket:
        await socket.send(type="message", text="Hello", client_id=str(id(socket)))
        await socket.until("sent")


async def leaves_the_bell(worker: Worker, ann: Visitor) -> None:
    async with connected(worker, "/ws/notifications/", token=ann.access):
        pass


async def leaves_the_echo(worker: Worker, _: Visitor) -> None:
    async with connected(worker, "/ws/echo/"):
        pass


async def vanishes(worker: Worker, ann: Visitor) -> None:
    async with connected(worker, ROOM, token=ann.access) as socket:
        socket.connection.transport.abort()


async def shows_nothing(worker: Worker, _: Visitor) -> None:
    await is_closed(worker, ROOM, 4401)


async def shows_nonsense(worker: Worker, _: Visitor) -> None:
    await is_closed(worker, ROOM, 4401, token="nonsense")


async def may_not_enter(worker: Worker, ann: Visitor) -> None:
    await is_closed(worker, "/ws/ops/", 4403, token=ann.access)


async def is_lost(worker: Worker, ann: Visitor) -> None:
    await is_closed(worker, "/ws/nowhere/", 4404, token=ann.access)


async def is_closed(worker: Worker, path: str, code: int, *, token: str = "") -> None:
    async with connected(worker, path, token=token) as socket:
        assert await socket.closed() == code


async def comes_from_a_foreign_page(worker: Worker, ann: Visitor) -> None:
    with pytest.raises(InvalidStatus):
        async with raw(worker, ROOM, token=ann.access, origin="http://elsewhere.example"):
            pass


async def hangs_up_in_the_handshake(worker: Worker, ann: Visitor) -> None:
    async with wire(worker) as one:
        await one.send(handshake(worker, ROOM, f"Authorization: Bearer {ann.access}"))


async def sends_rubbish(worker: Worker, ann: Visitor) -> None:
    async with opened(worker, ROOM, ann.access) as one:
        await one.send(b"\x83\x80\0\0\0\0")  # an opcode that does not exist
        await one.rest()


async def floods_with_pings(worker: Worker, ann: Visitor) -> None:
    async with opened(worker, ROOM, ann.access) as one:
        await one.send(frame(PING) * 2000)
        assert b"4429" in await one.rest()


async def never_reads(worker: Worker, _: Visitor) -> None:
    async with silent(worker, "/ws/echo/", token="") as socket:
        with suppress(ConnectionClosed, TimeoutError):
            async with asyncio.timeout(10):
                while True:
                    await socket.send("x" * 60_000)


async def answers_no_ping(worker: Worker, ann: Visitor) -> None:
    async with silent(worker, ROOM, token=ann.access):
        # Again and again: others have a thread for it only once the first are through.
        gone = lambda: not worker.call("GET", "/silence/").body["sockets"]  # noqa: E731
        await asyncio.to_thread(eventually, gone, within=PATIENCE, what="the end of every socket")


async def is_asked_to_come_back(worker: Worker, ann: Visitor) -> None:
    async with connected(worker, ROOM, token=ann.access) as socket:
        await call(worker, "GET", "/restart/")
        assert await socket.closed() == 4503


@pytest.mark.parametrize(
    "end",
    [
        *(leaves_a_room, leaves_the_bell, leaves_the_echo, vanishes),
        *(shows_nothing, shows_nonsense, may_not_enter, is_lost, comes_from_a_foreign_page),
        *(hangs_up_in_the_handshake, sends_rubbish, floods_with_pings),
        *(never_reads, answers_no_ping, is_asked_to_come_back),
    ],
)
async def test_a_socket_that_ended_leaves_nothing_to_collect(watched: Served, end: End) -> None:
    (ann,) = await watched.guests("Ann")
    await end(watched.first, ann)  # what is made once and kept is made now
    await call(watched.first, "GET", "/garbage/")
    await asyncio.gather(*(end(watched.first, ann) for _ in range(SOCKETS)))
    await freed(watched.first)
    found = (await call(watched.first, "GET", "/garbage/")).body
    assert max(found.values(), default=0) < SOCKETS, found


@pytest.mark.parametrize("path", ["/early/", "/healthz"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "closed"])
def test_a_request_leaves_no_more_than_django_does(watched: Served, kept: bool, path: str) -> None:
    worker = watched.first
    connection = HTTPConnection("127.0.0.1", worker.port)
    worker.call("GET", "/garbage/")
    for _ in range(SOCKETS):
        connection.request("GET", path)
        assert connection.getresponse().read()
        if not kept:
            connection.close()
    found = worker.call("GET", "/garbage/").body
    assert max(found.values(), default=0) < SOCKETS, found
    connection.close()


async def test_what_a_wasteful_consumer_leaves_is_collected_once_many_have_gone(
    small_site: Site, serve: Callable[..., Served]
) -> None:
    worker = serve(Watched(small_site, "wasteful")).first
    for _ in range(SOCKETS):
        async with connected(worker, "/ws/wasteful/"):
            pass
    # The last few, and one that was just leaving when all others were collected, wait for more.
    await freed(worker, "wasteful", but=GARBAGE_SOCKETS)


@pytest.mark.parametrize("kind", [Watched, WatchedByHand], ids=["serve", "runserver"])
def test_what_is_loaded_before_serving_is_never_looked_at_again(
    small_site: Site, serve: Callable[..., Served], kind: type[Worker]
) -> None:
    worker = serve(kind(small_site, "frozen")).first
    assert worker.call("GET", "/memory/").body["frozen"] > 100_000
