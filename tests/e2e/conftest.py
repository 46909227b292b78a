"""Two sites for all tests here, and what a test may break: those it starts for itself."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import services
from tests.e2e.client import Visitor, call, guest
from tests.e2e.idle import IdleSockets
from tests.e2e.services import PostgresServer, RedisServer, running
from tests.e2e.workers import Site, Worker

LINES_SHOWN = 80


class Served:
    """A site with its workers, and the rooms and people that a test needs of it."""

    def __init__(self, site: Site, workers: list[Worker]) -> None:
        self.site = site
        self.workers = workers
        self._staff = ""
        self._rooms = 0

    @property
    def first(self) -> Worker:
        return self.workers[0]

    @property
    def last(self) -> Worker:
        """Another worker than the first, where there are several."""
        return self.workers[-1]

    async def staff(self) -> str:
        """An access token of the demo account that may ship orders."""
        if not self._staff:
            status, body = await call(
                self._alive, "POST", "/api/token/", username="staff", password="chatsite-demo"
            )
            assert status == 200, body
            self._staff = body["access"]
        return self._staff

    async def room(self) -> str:
        """A new room, open to guests; the first entry of its log is its maker's joining."""
        self._rooms += 1
        status, body = await call(
            self._alive,
            "POST",
            "/api/rooms/",
            token=await self.staff(),
            name=f"Room {id(self)} {self._rooms}",
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
def own_site(small_site: Site, tmp_path: Path) -> Site:
    """A small site that nothing serves yet, for a test that ends its worker."""
    file = tmp_path / "db.sqlite3"
    for suffix in ("", "-wal", "-shm"):
        if (source := small_site.directory / f"db.sqlite3{suffix}").exists():
            shutil.copy(source, f"{file}{suffix}")
    return Site(tmp_path, database_url=f"sqlite:///{file}")


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


@pytest.fixture(scope="session", autouse=True)
def idle_from_the_start(request: pytest.FixtureRequest) -> None:
    """Where idle sockets are asked for at all, they wait while the other tests run."""
    if any("idle_sockets" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("idle_sockets")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The test of idle sockets last: by then they have been idle for long."""
    items.sort(key=lambda item: "idle_sockets" in getattr(item, "fixturenames", ()))


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
