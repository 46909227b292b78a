"""What it costs the database that people come back, from the door to the live room."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.db.backends.utils import CursorWrapper

from accounts import tokens
from accounts.actions import issue_ticket
from accounts.sockets import SocketAuthentication
from realtime import sweep
from realtime.hub import hubs
from realtime.sweep import Standing
from realtime.testing import TIMEOUT, Socket
from tests.cast import Cast
from tests.handshakes import OWN, SITE, bearer, cookie, session_of
from tests.sockets import router

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("site", "by_word_alone", "by_hint_alone"),
]

CROWD = 20
CONTROL = {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK"}
door = SocketAuthentication(router)
Shown = tuple[list[tuple[str, str]], str]
# Where a task notes its queries, and what it begins does: on whatever thread.
noting: ContextVar[list[str] | None] = ContextVar("noting", default=None)


@pytest.fixture(autouse=True)
def services() -> Iterator[list[str]]:
    """The queries of whatever is nobody's."""
    execute, theirs = CursorWrapper.execute, []

    def note(self: Any, sql: str, params: Any = None) -> Any:
        if sql.split()[0] not in CONTROL:
            asked = noting.get()
            (theirs if asked is None else asked).append(sql)
        return execute(self, sql, params)

    with mock.patch.object(CursorWrapper, "execute", note):
        yield theirs


def show(kind: str, user: Any) -> Shown:
    """Headers, and a query."""
    match kind:
        case "token":
            return [bearer(tokens.issue(user).access)], ""
        case "session":
            return [OWN, cookie(session_of(user))], ""
        case "ticket":
            return [], f"ticket={issue_ticket(user=user, family='one')}"
        case _:
            ground = session_of(user).session_key
            return [], f"ticket={issue_ticket(user=user, session_key=ground)}"


async def back(
    stack: AsyncExitStack, shown: Shown, *, after: int, asked: list[str] | None = None
) -> Socket:
    """Returns when what was missed has come. `asked` gets the queries of the socket."""
    headers, query = shown

    async def application(*asgi: Any) -> None:
        noting.set(asked)
        await door(*asgi)

    communicator = WebsocketCommunicator(
        application,
        f"/ws/chat/open/?after={after}&{query}",
        headers=[(name.encode(), value.encode()) for name, value in [("host", SITE), *headers]],
    )
    assert (await communicator.connect(timeout=TIMEOUT))[0]
    stack.push_async_callback(communicator.disconnect, timeout=TIMEOUT)
    socket = Socket(communicator)
    await socket.until("member", seq=2)
    return socket


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Standing]:
    """The sockets that the sweep has looked at; its other checks come first."""
    sockets: list[Standing] = []

    def check(standing: Sequence[Standing]) -> list[Any]:
        sockets.extend(standing)
        return []

    monkeypatch.setattr(sweep, "_checks", [*sweep._checks, (check, lambda socket: "")])
    return sockets


async def looked_at(seen: list[Standing], count: int) -> None:
    async with asyncio.timeout(TIMEOUT):
        while len(set(seen)) < count:  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.01)


# At the door one (a session two, a ticket two, one of a session three), the room, and the log.
@pytest.mark.parametrize(
    ("kind", "cost"), [("token", 3), ("session", 4), ("ticket", 4), ("ticket of a session", 5)]
)
async def test_one_who_comes_back_reads_the_log_once(cast: Cast, kind: str, cost: int) -> None:
    async with AsyncExitStack() as stack:
        await back(stack, await sync_to_async(show)("token", cast.owner), after=1)
        shown = await sync_to_async(show)(kind, cast.member)
        asked: list[str] = []
        await back(stack, shown, after=1, asked=asked)
        assert len(asked) == cost, asked
    assert sum("chat_event" in sql for sql in asked) == 1


# And the look at all of them is ten queries at most.
@pytest.mark.parametrize(
    ("kind", "cost"), [("token", 2), ("session", 3), ("ticket", 3), ("ticket of a session", 4)]
)
async def test_a_crowd_that_comes_back_shares_the_reads_of_the_log(
    cast: Cast, seen: list[Standing], services: list[str], kind: str, cost: int
) -> None:
    crowd = [await sync_to_async(show)(kind, cast.member) for _ in range(CROWD)]
    async with AsyncExitStack() as stack:
        asked: list[str] = []
        back_again = [back(stack, one, after=n % 2, asked=asked) for n, one in enumerate(crowd)]
        await asyncio.gather(*back_again)
        services.clear()
        hubs.get().sweep.doubt_all()
        await looked_at(seen, CROWD)
    reads = sum("chat_event" in sql for sql in asked)
    assert reads <= CROWD / 2
    assert len(asked) - reads <= cost * CROWD
    assert 0 < len(services) <= 10, services
