"""A consumer whose life is told by the test, and a client of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator

from realtime.consumer import SocketConsumer
from realtime.credentials import Credential
from realtime.frames import ClientFrame, Decoder, Person, ServerFrame
from realtime.testing import TIMEOUT, Socket

Step = Callable[["Consumer"], Awaitable[None]]


class Do(ClientFrame, tag="do-it"):
    client_id: str = ""


class Welcome(ServerFrame, tag="welcome"):
    connection_id: str


class Consumer(SocketConsumer):
    """Its life is told by the test: `entering`, `doing` and `leaving` are steps of it."""

    decoder = Decoder([Do])
    entering: Step | None = None
    doing: Step | None = None
    leaving: Step | None = None
    left = 0

    async def enter(self) -> None:
        if self.entering:
            await type(self).entering(self)  # type: ignore[misc]
        self.answer(Welcome(connection_id=self.connection_id))

    async def on_do_it(self, frame: Do) -> None:
        if self.doing:
            await type(self).doing(self)  # type: ignore[misc]

    async def leave(self) -> None:
        type(self).left += 1
        if self.leaving:
            await type(self).leaving(self)  # type: ignore[misc]


def consumer(**steps: Step) -> type[Consumer]:
    return type("Consumer", (Consumer,), {"left": 0, **steps})


def raising(error: Exception) -> Step:
    async def step(_: Consumer) -> None:
        raise error

    return step


PERSON = Person(id="7", name="Ada")


def credential(**fields: Any) -> Credential:
    return Credential(user=object(), person=PERSON, kind="test", **fields)


@asynccontextmanager
async def connected(
    kind: type[Consumer],
    *,
    given: Credential | None = None,
    services: dict[str, Any] | None = None,
    **scope: Any,
) -> AsyncIterator[Socket]:
    communicator = WebsocketCommunicator(kind.as_asgi(**(services or {})), "/ws/test/")
    communicator.scope.update(credential=given or credential(), **scope)
    await communicator.connect(timeout=TIMEOUT)
    try:
        yield Socket(communicator)
    finally:
        await communicator.disconnect(timeout=TIMEOUT)


@asynccontextmanager
async def welcomed(kind: type[Consumer], **options: Any) -> AsyncIterator[Socket]:
    async with connected(kind, **options) as socket:
        socket.welcome = await socket.until("welcome")
        yield socket
