"""What lets somebody in ends, and their sockets on every worker with it: soon, and for good."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from soak.services import RedisServer
from tests.e2e.browser import PASSWORD, Browser
from tests.e2e.client import Socket, call, connected
from tests.e2e.conftest import Served
from tests.e2e.workers import ROOT, Site, Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

AT_ONCE = 1.0  # seconds
WITHOUT_WORD = 5.0  # seconds, where no word can come from another process
CHANGE_PASSWORD = """
import sys, django
django.setup()
from django.contrib.auth import get_user_model
user = get_user_model().objects.get(pk=sys.argv[1])
user.set_password("another")
user.save()
"""


@dataclass
class Person:
    """Somebody and their sockets, which are to end. Guests, mostly: they hash no password."""

    browser: Browser
    id: str = ""
    access: str = ""
    refresh: str = ""
    sockets: list[Socket] = field(default_factory=list)


@dataclass
class Stage:
    """The site, a public and a private room with their owner, and everybody who is to go."""

    served: Served
    stack: AsyncExitStack
    public: str = ""
    private: str = ""
    owner: str = ""
    admin: Browser = field(init=False)
    people: dict[str, Person] = field(default_factory=dict)

    async def api(self, method: str, path: str, *, token: str = "", **body: Any) -> Any:
        status, answer = await call(
            self.served.first, method, f"/api/{path}", token=token or self.owner, **body
        )
        assert status < 300, answer
        return answer

    async def open(self) -> None:
        self.owner = await self.served.staff()
        self.admin = Browser(self.served.first)
        await self.admin.sign_in("staff", "chatsite-demo")
        mark = uuid4().hex[:8]
        self.public = await self._room(name=f"Public {mark}", open_to_guests=True)
        self.private = await self._room(name=f"Private {mark}", visibility="private")

    async def _room(self, **fields: Any) -> str:
        return str((await self.api("POST", "rooms/", **fields))["slug"])

    async def enter(self, cause: str) -> Person:
        """A new person, on every worker."""
        person = self.people[cause] = Person(Browser(self.served.first))
        await self._sign_in(person, cause)
        room = self.private if "private" in cause else self.public
        if room == self.private:
            await self.api("POST", f"rooms/{room}/members/", user=person.id)
        elif cause == "kick":
            await self.api("POST", f"rooms/{room}/join/", token=person.access)
        for worker in self.served.workers:
            await self._connect(person, worker, f"/ws/chat/{room}/")
        return person

    async def _sign_in(self, person: Person, cause: str) -> None:
        name = f"p-{uuid4().hex[:8]}"
        match cause:
            case "log-out":
                await person.browser.come_in(name)
                return
            case "changed password":
                await person.browser.sign_up(name)
                given = await self.api("POST", "token/", username=name, password=PASSWORD)
            case _:
                given = await self.api("POST", "guest/", name=name)
        person.access, person.refresh = given["access"], given["refresh"]
        person.id = given["user"]["id"]

    async def _connect(self, person: Person, worker: Worker, path: str) -> None:
        ways: list[dict[str, Any]] = []
        if person.browser.cookies.get("sessionid"):
            ways.append({"headers": person.browser.headers, "origin": worker.http})
        if person.access:
            ways.append({"token": person.access})
            ticket = await self.api("POST", "ws-ticket/", token=person.access)
            ways.append({"path": f"{path}?ticket={ticket['ticket']}"})
        for way in ways:
            socket = connected(worker, **{"path": path, **way})
            person.sockets.append(await self.stack.enter_async_context(socket))
            assert person.sockets[-1].welcome, person.sockets[-1].frames

    # --- what ends them ---

    async def log_out(self, person: Person) -> None:
        await person.browser.submit("/accounts/logout/")

    async def revoke(self, person: Person) -> None:
        await self.api("POST", "token/revoke/", refresh=person.refresh)

    async def change_password(self, person: Person) -> None:
        fields = {"oldpassword": PASSWORD, "password1": "m7-Acorn-12", "password2": "m7-Acorn-12"}
        await person.browser.submit("/accounts/password/change/", **fields)

    async def change_password_elsewhere(self, person: Person) -> None:
        """In a process without sockets, as `manage.py changepassword` is."""
        await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", CHANGE_PASSWORD, person.id],
            cwd=ROOT,
            env=self.served.site.environment,
            check=True,
            capture_output=True,
            timeout=120,
        )

    async def deactivate(self, person: Person) -> None:
        await self.admin.submit(
            f"/admin/accounts/user/{person.id}/change/",
            **{
                "username": f"gone-{person.id}",
                "date_joined_0": "2026-01-01",
                "date_joined_1": "00:00:00",
                "profile-TOTAL_FORMS": "0",
                "profile-INITIAL_FORMS": "0",
            },
        )

    async def delete(self, person: Person) -> None:
        await self.admin.submit(f"/admin/accounts/user/{person.id}/delete/", post="yes")

    async def kick(self, person: Person) -> None:
        await self.api("DELETE", f"rooms/{self.public}/members/?user={person.id}")

    async def ban(self, person: Person) -> None:
        await self.api("DELETE", f"rooms/{self.public}/members/?user={person.id}&ban=true")

    async def remove(self, person: Person) -> None:
        await self.api("DELETE", f"rooms/{self.private}/members/?user={person.id}")

    async def leave(self, person: Person) -> None:
        await self.api("POST", f"rooms/{self.private}/leave/", token=person.access)


@dataclass(frozen=True)
class Cause:
    code: int
    do: Callable[[Stage, Person], Awaitable[None]]
    elsewhere: bool = False  # done by a process that has none of the site's sockets


CAUSES = {
    "log-out": Cause(4401, Stage.log_out),
    "revoked token": Cause(4401, Stage.revoke),
    "changed password": Cause(4401, Stage.change_password),
    "command": Cause(4401, Stage.change_password_elsewhere, elsewhere=True),
    "deactivation": Cause(4401, Stage.deactivate),
    "deletion": Cause(4401, Stage.delete),
    "kick": Cause(4403, Stage.kick),
    "ban": Cause(4403, Stage.ban),
    "removal from a private room": Cause(4403, Stage.remove),
    "leaving a private room": Cause(4403, Stage.leave),
}


@asynccontextmanager
async def staged(served: Served) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        stage = Stage(served, stack)
        await stage.open()
        for cause in CAUSES:
            await stage.enter(cause)
        yield stage


async def everybody_goes(stage: Stage, bounds: Callable[[Cause], float]) -> None:
    """Each cause in its turn; each socket is to end in time, and to hear nothing more."""
    staying = await stage.enter("nothing")
    endings = [
        asyncio.create_task(one_goes(stage, name, within=bounds(cause)))
        for name, cause in CAUSES.items()
    ]
    heard = [frames for ending in endings for frames in await ending]
    await stage.api(
        "POST", f"rooms/{stage.public}/messages/", text="Who is there?", client_id="after"
    )
    for socket in staying.sockets:
        await socket.until("message", client_id="after")
    for frames, before in heard:
        assert len(frames) == before


async def one_goes(
    stage: Stage, name: str, *, within: float
) -> list[tuple[list[dict[str, Any]], int]]:
    """What each socket heard, and how much that was when it ended."""
    cause, person = CAUSES[name], stage.people[name]
    await cause.do(stage, person)
    watch = Stopwatch()
    codes = await asyncio.gather(*(socket.closed() for socket in person.sockets))
    assert_below(watch.seconds, within, name)
    assert set(codes) == {cause.code}, name
    for socket in person.sockets:
        reason = "not_signed_in" if cause.code == 4401 else "forbidden"
        assert socket.frames[-1]["type"] == "error", name
        assert socket.frames[-1]["code"] == reason, name
    return [(socket.frames, len(socket.frames)) for socket in person.sockets]


async def test_one_process_ends_them_at_once_and_what_a_command_did_soon(small: Served) -> None:
    async with staged(small) as stage:
        await everybody_goes(stage, lambda cause: WITHOUT_WORD if cause.elsewhere else AT_ONCE)


async def test_two_workers_end_them_at_once(large: Served) -> None:
    async with staged(large) as stage:
        await everybody_goes(stage, lambda _: AT_ONCE)


async def test_without_redis_both_workers_end_them_soon(
    large_site: Site, own_redis: RedisServer, serve: Callable[..., Served]
) -> None:
    site = Site(large_site.directory, database_url=large_site.database_url, redis_url=own_redis.url)
    served = serve(Worker(site, "a-unheard", runserver=True), Worker(site, "b-unheard"))
    async with staged(served) as stage:
        own_redis.freeze()
        await everybody_goes(stage, lambda _: WITHOUT_WORD)
