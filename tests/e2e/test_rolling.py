"""Four workers behind a proxy are replaced while people talk: nobody sees an error."""

import asyncio
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from soak.services import eventually, running
from tests.e2e.client import Journal, Socket, Visitor, call, connected
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.proxies import Caddy, Nginx, Proxy
from tests.e2e.workers import Site
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

WORKERS = 4
PEOPLE = 8
RESTARTING = 4503
LONG = 180.0  # seconds for all to come, and for workers to load and to end, at most
AWAY = 10.0  # seconds; clients are asked to come back within 5
PAUSE = 0.1  # between two messages of one: nobody misses more than the 1,000 that are sent again


@pytest.fixture
def server(large_site: Site, tmp_path: Path) -> Iterator[Production]:
    """The large site's database and Redis, behind one proxy."""
    redis_url = large_site.environment["REDIS_URL"]
    site = Site(tmp_path, database_url=large_site.database_url, redis_url=redis_url)
    site.environment |= {"TRUSTED_PROXIES": "1", "STATIC_ROOT": str(tmp_path)}
    server = Production(site, "rolling", workers=WORKERS)
    with running(server):
        yield server


class Talker:
    """Somebody whose client does what docs/protocol.md asks of it: come back, and send again."""

    def __init__(self, visitor: Visitor, proxy: Proxy, server: Production, room: str) -> None:
        self.visitor = visitor
        self.proxy = proxy
        self.server = server
        self.path = f"/ws/chat/{room}/"
        self.journal = Journal()
        self.codes: Counter[int] = Counter()
        self.away: list[float] = []
        self.said = 0
        self.enough = asyncio.Event()

    async def talk(self) -> None:
        pause: float | None = 0.0
        left: Stopwatch | None = None
        while pause is not None:
            await asyncio.sleep(pause)
            after = self.journal.last
            query = "" if after is None else f"?after={after}"
            async with connected(
                self.proxy,
                self.path + query,
                token=self.visitor.access,
                journal=self.journal,
                ssl=self.proxy.tls,
            ) as socket:
                if left:
                    self.away.append(left.seconds)
                pause = await self._say_on(socket)
            left = Stopwatch(self.proxy, self.server)

    async def _say_on(self, socket: Socket) -> float | None:
        """Until there is enough; or until the server ends it: in how many seconds to come back."""
        pause = 0.0
        while not self.enough.is_set():
            with suppress(ConnectionClosed):
                await socket.say("hi", f"{self.visitor.id}-{self.said}")
            while (frame := await socket.next())["type"] not in {"sent", "close"}:
                assert frame["type"] != "error", frame
                pause = frame.get("retry_after", pause)
            if frame["type"] == "close":
                self.codes[frame["code"]] += 1
                return pause
            self.said += 1
            await asyncio.sleep(PAUSE)
        return None


async def ask_on(
    proxy: Proxy, reader: Visitor, statuses: Counter[int], enough: asyncio.Event
) -> None:
    """Somebody who reads over HTTP meanwhile."""
    path = "/api/rooms/general/events/?limit=1"
    while not enough.is_set():
        statuses[(await call(proxy, "GET", path, token=reader.access)).status] += 1


@pytest.mark.parametrize("kind", [Nginx, Caddy])
async def test_a_rolling_restart_under_load_loses_nothing_and_shows_nobody_an_error(
    kind: type[Proxy], server: Production
) -> None:
    proxy = kind(server.site, upstream=server)
    with running(proxy):
        served = Served(server.site, [proxy])
        room = await served.room()
        visitors = await served.guests(*(f"Guest {number}" for number in range(PEOPLE)))
        talkers = [Talker(visitor, proxy, server, room) for visitor in visitors]
        enough, statuses = asyncio.Event(), Counter[int]()
        asking = asyncio.create_task(ask_on(proxy, visitors[0], statuses, enough))
        async with asyncio.TaskGroup() as group:
            for talker in talkers:
                group.create_task(talker.talk())
            await until(lambda: all(talker.said > 5 for talker in talkers), "all to talk")
            before = server.worker_pids()
            server._send(signal.SIGHUP)
            await until(lambda: not server.worker_pids() & before, "the old workers to end")
            await until(lambda: all(talker.away for talker in talkers), "all to come back")
            then = [talker.said for talker in talkers]
            await until(
                lambda: all(now.said > at + 5 for now, at in zip(talkers, then, strict=True)),
                "all to talk again",
            )
            for talker in talkers:
                talker.enough.set()
        enough.set()
        await asking
    assert sum((talker.codes for talker in talkers), Counter()).keys() == {RESTARTING}
    assert_below(max(away for talker in talkers for away in talker.away), AWAY)
    assert statuses.keys() == {200}
    log = server.site.log(room)
    assert [entry.seq for entry in log] == list(range(1, len(log) + 1))
    said = Counter(entry.client_id for entry in log if entry.client_id)
    expected = {f"{t.visitor.id}-{number}" for t in talkers for number in range(t.said)}
    assert said == Counter(expected)
    for talker in talkers:
        assert talker.journal.agrees_with(log)


# --- an office: many people behind one address, with the limits as they are shipped ---

OFFICE = 100
AT_ONCE = 20  # who come for the first time, so that nobody is refused before the restart
LIMITS = ("LIMIT_HANDSHAKES_PER_SECOND", "LIMIT_SOCKETS_PER_ADDRESS", "LIMIT_SOCKETS_PER_USER")


class Page:
    """A page of somebody's: opened again whenever it is told to come back."""

    def __init__(self, visitor: Visitor, server: Production, path: str) -> None:
        self.visitor = visitor
        self.server = server
        self.path = path
        self.pauses: list[float] = [0.0]
        self.open, self.back = asyncio.Event(), asyncio.Event()

    async def stay(self) -> None:
        while True:
            await asyncio.sleep(self.pauses[-1])
            # Without a proxy, a worker that ends may close what it has just accepted.
            with suppress(InvalidHandshake):
                async with connected(self.server, self.path, token=self.visitor.access) as socket:
                    if socket.welcome:
                        (self.back if len(self.pauses) > 1 else self.open).set()
                        closing = await socket.until("closing", within=LONG)
                    else:  # the worker was told to end while it let the page in
                        (closing,) = socket.frames
                    self.pauses.append(closing["retry_after"])
                    assert await socket.closed() == RESTARTING


async def test_an_office_behind_one_address_comes_back_without_being_refused(
    large_site: Site, tmp_path: Path
) -> None:
    redis_url = large_site.environment["REDIS_URL"]
    site = Site(tmp_path, database_url=large_site.database_url, redis_url=redis_url)
    for name in LIMITS:
        del site.environment[name]
    server = Production(site, "office", workers=2)
    with running(server):
        served = Served(site, [server])
        people = await served.guests(*(f"Guest {number}" for number in range(OFFICE)))
        paths = ("/ws/chat/general/", "/ws/notifications/")
        pages = [Page(person, server, path) for person in people for path in paths]
        async with asyncio.TaskGroup() as group:
            tasks = []
            for first in range(0, len(pages), AT_ONCE):
                some = pages[first : first + AT_ONCE]
                tasks += [group.create_task(page.stay()) for page in some]
                for page in some:
                    await page.open.wait()
            before = server.worker_pids()
            server.reload()
            await until(lambda: not server.worker_pids() & before, "the old workers to end")
            for page in pages:
                await asyncio.wait_for(page.back.wait(), LONG)
            for task in tasks:
                task.cancel()
    assert max(pause for page in pages for pause in page.pauses) <= 3


async def until(check: object, what: str) -> None:
    await asyncio.to_thread(eventually, check, within=LONG, what=what)  # type: ignore[arg-type]
