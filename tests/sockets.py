"""Driving our consumers: what realtime.testing does not know of people and rooms."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.urls import re_path

from accounts.queries import person
from chat.routing import websocket_urlpatterns
from realtime import testing
from realtime.credentials import Credential
from realtime.elsewhere import NotFoundConsumer
from realtime.frames import Person
from realtime.testing import Application, Socket
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

router = URLRouter([*websocket_urlpatterns, re_path(r"", NotFoundConsumer.as_asgi())])

DURABLE = {"message", "member", "room", "notification", "notification-update"}


@asynccontextmanager
async def connected(
    app: Application, path: str, user: Any = None, **scope: Any
) -> AsyncIterator[Socket]:
    """As the person whom the site knows."""
    known = await sync_to_async(person)(user) if user else None
    async with testing.connected(app, path, user=user, person=known, **scope) as socket:
        yield socket


def in_room(slug: str, user: Any, *, after: int | str | None = None, **scope: Any) -> Any:
    query = "" if after is None else f"?after={after}"
    return connected(router, f"/ws/chat/{slug}/{query}", user, **scope)


def renewable(user: Any) -> Credential:
    """One that ends, and may be refreshed."""
    person = Person(id=str(user.pk), name=user.username.title())

    async def refresh(access: str) -> Credential:
        return Credential(user=user, person=person, kind="token", expires=4e9, refresh=refresh)

    return Credential(user=user, person=person, kind="token", expires=4e9, refresh=refresh)


@contextmanager
def own_seconds(limit: float) -> Iterator[None]:
    """What is awaited here takes so long at most, but for what the machine does meanwhile."""
    watch = Stopwatch()
    yield
    assert_below(watch.seconds, limit)


def durable(socket: Socket) -> list[int]:
    """The numbers of what has come of the log."""
    return [frame["seq"] for frame in socket.frames if frame["type"] in DURABLE]
