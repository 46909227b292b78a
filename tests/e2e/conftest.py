"""Two sites for all tests here, and what a test may break: those it starts for itself."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from soak import services
from soak.services import PostgresServer, RedisServer, running
from tests.e2e.client import Visitor, call, guest
from tests.e2e.idle import IdleSockets
from tests.e2e.stacks import Run, on_postgresql_and_redis
from tests.e2e.workers import Site, Worker

LINES_SHOWN = 80
SIGNED_IN = 600  # seconds; a token is good for 15 minutes


class Served:
    """A site with its workers, and the rooms and people that a test needs of it."""

    def __init__(self, site: Site, workers: list[Worker]) -> None:
        self.site = site
        self.workers = workers
        self._staff, self._signed_in_at = "", 0.0

    @property
    def first(self) -> Worker:
        return self.workers[0]

    @property
    def last(self) -> Worker:
        """Another worker than the first, where there are several."""
        return self.workers[-1]

    async def staff(self) -> str:
        """An access token of the demo account that may ship orders."""
        if not self._staff or time.monotonic() - self._signed_in_at > SIGNED_IN:
            self._signed_in_at = time.monotonic()
            status, body = await call(
                self._alive, "POST", "/api/token/", username="staff", password="chatsite-demo"
            )
            assert status == 200, body
            self._staff = body["access"]
        return self._staff

    async def room(self) -> str:
        """A new room, open to guests; the first entry of its log is its maker's joining."""
        status, body = await call(
            self._alive,
            "POST",
            "/api/rooms/",
            token=await self.staff(),
            name=f"Room {uuid4()}",
            open_to_guests=True,
        )
        assert status == 201, body
        return str(body["slug"])

    async def guests(self, *names: str) -> list[Visitor]:
        return [await guest(self._alive, name) for name in names]

    @property
    def _alive(self) -> Worker:
        return next(worker for worker in self.workers if worker.alive)


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    with running(server):
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """One that the test may kill."""
    server = RedisServer(tmp_path)
    with running(server):
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path_factory.mktemp("postgres"))
    with running(server):
        yield server
    server.remove()


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """On SQLite and the layer in memory, prepared and not served."""
    directory = tmp_path_factory.mktemp("small")
    site = Site(directory, database_url=f"sqlite:///{directory / 'db.sqlite3'}")
    site.prepare()
    return site


@pytest.fixture(scope="session")
def large_site(
    tmp_path_factory: pytest.TempPathFactory, redis: RedisServer, postgres: PostgresServer
) -> Site:
    """On PostgreSQL and Redis, prepared and not served."""
    url = postgres.create_database("chatsite")
    site = Site(tmp_path_factory.mktemp("large"), database_url=url, redis_url=redis.url)
    site.environment["DJANGO_SETTINGS_MODULE"] = "tests.e2e.patient_settings"
    site.prepare()
    return site


@pytest.fixture(scope="session")
def small(small_site: Site) -> Iterator[Served]:
    """One `runserver`, as `make run` has it."""
    worker = Worker(small_site, "small", runserver=True)
    with running(worker):
        yield Served(small_site, [worker])


@pytest.fixture(scope="session")
def large(large_site: Site) -> Iterator[Served]:
    """Two workers, of which one is a plain daphne: the promises are the same."""
    workers = [Worker(large_site, "large-a"), Worker(large_site, "large-b", runserver=True)]
    with running(*workers):
        yield Served(large_site, workers)


@pytest.fixture(params=["small", "large"])
def served(request: pytest.FixtureRequest) -> Served:
    """What is promised of any site."""
    found: Served = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def room(served: Served) -> AsyncIterator[str]:
    """A room whose other people notice nothing, on a worker that logs no traceback and lives."""
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        yield room
        await at_ben.say("Did anything happen?", "1")
        for at in (at_ann, at_ben):
            await at.until("message", text="Did anything happen?")
            assert at.open
    assert ann.journal(room).agrees_with(served.site.log(room))
    for worker in served.workers:
        assert worker.says("/healthz")
        assert "Traceback" not in worker.logged()
        assert "[error" not in worker.logged()


@pytest.fixture
async def eve(served: Served) -> Visitor:
    (visitor,) = await served.guests("Eve")
    return visitor


@pytest.fixture
def own_site(small_site: Site, tmp_path: Path) -> Site:
    """A small site that nothing serves yet, for a test that ends its worker."""
    return small_site.copied_to(tmp_path)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start workers that end with the test: `serve(Worker(site, "a"), …)`."""
    with ExitStack() as stack:

        def start(*workers: Worker) -> Served:
            stack.enter_context(running(*workers))
            return Served(workers[0].site, list(workers))

        yield start


@pytest.fixture(scope="session")
def idle_sockets(small: Served, large: Served) -> Iterator[IdleSockets]:
    with IdleSockets([*small.workers, *large.workers]) as sockets:
        yield sockets


@pytest.fixture(scope="session")
def other_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with on_postgresql_and_redis(tmp_path_factory.mktemp("stacks")) as run:
        yield run


# What takes long goes on from the first test here, and is looked at last.
LONG = ("other_stack", "idle_sockets")


@pytest.fixture(scope="session", autouse=True)
def from_the_start(request: pytest.FixtureRequest) -> None:
    for name in LONG:
        if any(_asks_for(item, name) for item in request.session.items):
            request.getfixturevalue(name)


# What the clock judges comes after these, when little else runs.
LAST = "soaks"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: [_asks_for(item, name) for name in (LAST, *LONG)])


def _asks_for(item: pytest.Item, fixture: str) -> bool:
    return fixture in getattr(item, "fixturenames", ())


def pytest_runtest_setup() -> None:
    for service in services.started:
        service.mark()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """With a failure goes what the processes logged during the test."""
    report = (yield).get_result()
    if report.failed:
        for service in services.started:
            if lines := service.logged().splitlines()[-LINES_SHOWN:]:
                report.sections.append((f"log of {service.name}", "\n".join(lines)))
