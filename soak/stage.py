"""Where a soak takes place: a site, its workers, its rooms and the people in them."""

import asyncio
import random
import secrets
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from soak.client import CROWD_PING, PING, Client, Person, call
from soak.disk import small_disk
from soak.ledger import Ledger
from soak.machine import allocator, waited_for_core
from soak.network import Cell
from soak.plan import Plan, Running
from soak.services import POLL, Missing, PostgresServer, RedisServer, Service, eventually, running
from soak.streets import Streets
from soak.workers import Door, Site, Worker

STAFF = "soak"
BUSY = 429  # HTTP
CROWD_PEOPLE = 10
RENEW_EVERY = 600.0  # seconds
ANSWERED = 120.0  # seconds until a site that says "later", or nothing, is given up
BACK = 60.0  # seconds for a worker to serve again


class CellWorker(Worker):
    """A worker in a network namespace of its own."""

    def __init__(self, site: Site, name: str, cell: Cell) -> None:
        self.address = cell.inside
        self.cell = cell
        super().__init__(site, name)

    @property
    def command(self) -> list[str]:
        return [*self.cell.command, *super().command]

    @property
    def environment(self) -> dict[str, str]:
        ours = super().environment
        return {
            **ours,
            "ALLOWED_HOSTS": "*",
            "DATABASE_URL": ours["DATABASE_URL"].replace("127.0.0.1", self.cell.outside),
            "REDIS_URL": ours["REDIS_URL"].replace("127.0.0.1", self.cell.outside),
        }


class Stage:
    """`workers`, `redis`, `postgres` and `site` are there where the soak started them."""

    def __init__(self, plan: Plan, doors: list[Door]) -> None:
        self.plan = plan
        self.ledger = Ledger()
        self.streets = Streets(doors)
        self.random = random.Random(plan.seed)  # noqa: S311 - a course that can be repeated
        self.rooms: list[str] = []
        self.private = ""  # one of the rooms, closed to guests who were not added
        self.clients: list[Client] = []
        self.people = 0
        self.staff = ""
        self.account: dict[str, Any] = {}
        self.site: Site | None = None
        self.workers: list[Worker] = []
        self.redis: RedisServer | None = None
        self.postgres: PostgresServer | None = None
        self.cell: Cell | None = None
        self.disk: Path | None = None  # of the database, if it is one of its own
        self.extra_sockets = 0  # beside those of the clients
        self.slow_sockets = 0
        self.crowded: Counter[str] = Counter()  # room -> how many of a crowd are in it
        self.strangers: set[str] = set()  # ids of people in rooms who are no clients
        self._seats = 0
        self._tasks: dict[Client, asyncio.Task[None]] = {}

    # --- people ---

    @property
    def door(self) -> Door:
        """One that no fault touches, if there is any."""
        doors = self.streets.doors
        return next((door for n, door in enumerate(doors) if n not in self.streets.hurt), doors[0])

    async def ask(
        self, method: str, path: str, *, token: str = "", at: Door | None = None, **body: Any
    ) -> Any:
        """Until it is answered with something else than "later"; raises RuntimeError if refused."""
        said: object = "nothing"
        try:
            async with asyncio.timeout(ANSWERED):
                while True:
                    try:
                        status, answer = await call(
                            at or self.door, method, path, token=token, **body
                        )
                    except OSError as error:
                        said, wait = error, 0.3
                    else:
                        if status < 400:
                            return answer
                        said, wait = answer, (answer or {}).get("retry_after") or 1.0
                        if status != BUSY and status < 500:
                            raise RuntimeError(f"{method} {path}: {status} {answer}")
                    await asyncio.sleep(wait)
        except TimeoutError:
            raise RuntimeError(f"{method} {path}: after {ANSWERED:.0f} s: {said}") from None

    async def head(self, room: str) -> int:
        answer = await self.ask("GET", f"/api/rooms/{room}/events/?limit=1", token=self.staff)
        events = answer["results"]
        return int(events[-1]["seq"]) if events else 0

    async def sign_in(self) -> None:
        self.staff = (await self.ask("POST", "/api/token/", **self.account))["access"]

    async def keep_signed_in(self) -> None:
        """An access token lives for a quarter of an hour."""
        while True:
            await asyncio.sleep(RENEW_EVERY)
            await self.sign_in()

    async def guest(self, *, at: Door | None = None) -> Person:
        self.people += 1
        body = await self.ask("POST", "/api/guest/", at=at, name=f"Soak {self.people}")
        return Person(body["user"]["id"], body["user"]["name"], body["access"], body["refresh"])

    async def make_room(self, *, private: bool = False) -> str:
        kind: dict[str, Any] = {"visibility": "private"} if private else {"open_to_guests": True}
        name = f"Soak {secrets.token_hex(4)}"
        room = await self.ask("POST", "/api/rooms/", token=self.staff, name=name, **kind)
        return str(room["slug"])

    async def add_member(self, room: str, person: Person) -> None:
        path = f"/api/rooms/{room}/members/"
        await self.ask("POST", path, token=self.staff, user=person.id)

    async def remove(self, room: str, person: Person, *, ban: bool) -> None:
        path = f"/api/rooms/{room}/members/"
        also: dict[str, Any] = {"ban": True} if ban else {}
        await self.ask("DELETE", path, token=self.staff, user=person.id, **also)

    async def populate(self) -> None:
        """The last of several rooms is private."""
        await self.sign_in()
        for number in range(self.plan.rooms):
            private = 0 < number == self.plan.rooms - 1
            self.rooms.append(await self.make_room(private=private))
            if private:
                self.private = self.rooms[-1]
        for number in range(self.plan.clients):
            self.clients.append(await self.join(self.rooms[number % len(self.rooms)]))
        await self.welcomed(self.clients)

    async def join(self, room: str) -> Client:
        """A new client, on its way in. Whoever adds it to `clients` takes it for a member."""
        person = await self.guest()
        if room == self.private:
            await self.add_member(room, person)
        else:
            await self.ask("POST", f"/api/rooms/{room}/join/", token=person.access)
        return self.attend(person, room)

    def attend(
        self,
        person: Person,
        room: str,
        *,
        door: int | None = None,
        returns: bool = True,
        ping: float = PING,
    ) -> Client:
        self._seats += 1
        seed = self.plan.seed * 100_000 + self._seats
        client = Client(
            person,
            room,
            streets=self.streets,
            ledger=self.ledger,
            seed=seed,
            returns=returns,
            ping=ping,
        )
        client.door = client.door if door is None else door
        self._tasks[client] = asyncio.create_task(client.run())
        return client

    async def visitors(self) -> list[Client]:
        """One at each door; whoever is cut off does not come back, as ghosts do not."""
        room = self.rooms[0]
        found = [
            self.attend(await self.guest(), room, door=door, returns=False)
            for door in range(len(self.streets.doors))
        ]
        await self.welcomed(found)
        return found

    async def crowd(self, room: str, size: int, *, door: int | None = None) -> list[Client]:
        """Sockets that only listen, several of each person."""
        persons = [await self.guest() for _ in range(min(CROWD_PEOPLE, size))]
        return [
            self.attend(persons[n % len(persons)], room, door=door, ping=CROWD_PING)
            for n in range(size)
        ]

    @staticmethod
    async def welcomed(clients: list[Client], *, within: float = 30.0) -> None:
        async with asyncio.timeout(within):
            for client in clients:
                await client.welcomed.wait()

    async def dismiss(self, *clients: Client) -> None:
        """They leave as a closed page does."""
        tasks = [self._tasks.pop(client) for client in clients]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def dismiss_all(self, *, but: Collection[Client] = ()) -> None:
        await self.dismiss(*(client for client in self._tasks if client not in but))

    @property
    def attending(self) -> frozenset[Client]:
        return frozenset(self._tasks)

    @staticmethod
    async def sees(watcher: Client, online: int, *, within: float) -> bool:
        """Whether the watcher is told of so many people in time."""
        try:
            async with asyncio.timeout(within):
                await watcher.until(lambda: watcher.online == online)
        except TimeoutError:
            return False
        return True

    # --- faults ---

    def logged(self, word: str, *, at: int | None = None) -> int:
        """How often the log of that worker, or of all, has it since the last fault ended."""
        workers = self.workers if at is None else [self.workers[at]]
        return sum(worker.logged().count(word) for worker in workers)

    @staticmethod
    async def until(check: Callable[[], bool], *, within: float) -> bool:
        """Ask for what sends no event; whether it came to be so."""
        deadline = time.monotonic() + within
        while not check():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(POLL)
        return True

    async def back(self, *numbers: int) -> None:
        """Until these workers serve, or all of them: their fault is over then."""
        for number in numbers or range(len(self.workers)):
            worker = self.workers[number]
            what = f"{worker.name} to serve again"
            await asyncio.to_thread(eventually, worker.serves, within=BACK, what=what)
        self.streets.spare(*numbers)

    @property
    def waiting(self) -> list[float]:
        """The age in seconds of each message that is not acknowledged."""
        return [age for client in self._tasks for age in client.waiting]

    @property
    def members(self) -> list[Client]:
        return [client for client in self.clients if client.ended is None]

    def people_in(self, room: str) -> set[str]:
        """The ids of those who are there, or on their way back; whoever else is shown is gone."""
        clients = (client for client, task in self._tasks.items() if not task.done())
        return {client.person.id for client in clients if client.room == room}

    def watcher(self, room: str) -> Client:
        """A member who is there, at the door that could be reached for longest."""
        here = [client for client in self.members if client.room == room]
        return min(
            here, key=lambda one: (not one.welcomed.is_set(), self.streets.reached_since(one.door))
        )

    @property
    def processes(self) -> int:
        """Of all workers: while one is replaced there are two of it."""
        return sum(len(worker.workers) for worker in self.workers if worker.alive)

    @property
    def cpu_seconds(self) -> float:
        return sum(worker.cpu_seconds for worker in self.workers)

    @property
    def waits(self) -> dict[int, float]:
        """For how many seconds each worker has waited for a core, by its pid."""
        pids = [pid for worker in self.workers if worker.alive for pid in worker.workers]
        return {pid: waited_for_core(pid) for pid in pids}

    @property
    def memory_kib(self) -> int:
        return sum(worker.memory_kib for worker in self.workers if worker.alive)


@contextmanager
def running_site(site: Running, plan: Plan) -> Iterator[Stage]:
    door = Door(site.url)
    try:
        door.call("GET", "/healthz")
    except OSError as error:
        raise Missing(f"{site.url} does not answer: {error}") from None
    stage = Stage(plan, [door])
    stage.account = {"username": site.username, "password": site.password}
    yield stage


@contextmanager
def own_site(plan: Plan, needs: set[str]) -> Iterator[Stage]:
    """`needs`: of the faults, see soak.faults."""
    with ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="chatsite-soak-"))
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        stage = Stage(plan, [])
        stage.cell = stack.enter_context(Cell()) if "netns" in needs else None
        stage.site = _site(stage, stack, directory, small="small disk" in needs)
        password = secrets.token_urlsafe(16)
        stage.account = {"username": STAFF, "password": password}
        stage.site.manage("migrate", "--verbosity", "0")
        stage.site.manage(
            *("createsuperuser", "--noinput", "--username", STAFF, "--email", ""),
            DJANGO_SUPERUSER_PASSWORD=password,
        )
        if stage.cell:
            ports = [each.port for each in (stage.redis, stage.postgres) if each]
            stack.enter_context(stage.cell.forwarding(ports))
        stage.workers = _workers(stage)
        stage.streets.doors = list(stage.workers)
        stack.enter_context(running(*stage.workers))
        yield stage


def _site(stage: Stage, stack: ExitStack, directory: Path, *, small: bool) -> Site:
    plan = stage.plan
    services: list[Service] = []
    if plan.workers > 1:
        stage.redis = RedisServer(directory)
        services.append(stage.redis)
    if plan.database == "postgres":
        stage.postgres = PostgresServer(directory)
        stack.callback(stage.postgres.remove)
        services.append(stage.postgres)
    home = stage.postgres.home if stage.postgres else directory
    if small:
        stage.disk = stack.enter_context(small_disk(home / "disk"))
    stack.enter_context(running(*services))
    return Site(
        directory,
        database_url=stage.postgres.create_database("soak", at=stage.disk)
        if stage.postgres
        else f"sqlite:///{stage.disk or directory}/db.sqlite3",
        redis_url=stage.redis.url if stage.redis else "",
        **allocator(),
        DJANGO_SETTINGS_MODULE="soak.settings",
        HTTPS="off",
        ALLOWED_HOSTS="*",
        # What one socket may do, and one person over HTTP, as the site has it: floods are to be
        # stopped. What is counted by address alone is off, for all come from one.
        LIMIT_FRAMES_PER_SECOND="",
        LIMIT_API_PER_SECOND="",
    )


def _workers(stage: Stage) -> list[Worker]:
    assert stage.site is not None
    names = [f"worker-{number + 1}" for number in range(stage.plan.workers)]
    if stage.cell is None:
        return [Worker(stage.site, name) for name in names]
    return [
        *(Worker(stage.site, name) for name in names[:-1]),
        CellWorker(stage.site, names[-1], stage.cell),
    ]
