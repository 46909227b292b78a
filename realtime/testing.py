"""For tests of consumers: a client's end of a socket, without a server. See docs/testing.md."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from channels.testing import WebsocketCommunicator

from realtime import database
from realtime.credentials import Credential
from realtime.frames import Person
from realtime.hub import hubs
from realtime.places import places
from realtime.presence import presences
from realtime.reports import reporters

TIMEOUT = 5.0  # seconds in which what is awaited comes, or the test fails

Application = Callable[..., Awaitable[None]]


class Closed(AssertionError):
    """The socket ended while something else was awaited."""

    def __init__(self, code: int, awaited: str) -> None:
        super().__init__(f"closed with {code}, waiting for {awaited}")
        self.code = code


class Socket:
    """A client's end. `frames` are all that have been taken; `welcome` is empty if refused."""

    def __init__(self, communicator: WebsocketCommunicator) -> None:
        self._communicator = communicator
        self.frames: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}

    async def send(self, **frame: Any) -> None:
        await self.send_text(msgspec.json.encode(frame).decode())

    async def send_text(self, text: str) -> None:
        await self._communicator.send_to(text_data=text)

    async def send_bytes(self, data: bytes) -> None:
        await self._communicator.send_to(bytes_data=data)

    async def next(self) -> dict[str, Any]:
        """The next frame or, once closed, `{"type": "close", "code": ...}`. Raises TimeoutError.

        What is no frame, as on the echo, is `{"type": "text", "data": ...}`, or "bytes".
        """
        output = await self._communicator.receive_output(timeout=TIMEOUT)
        if output["type"] == "websocket.close":
            return {"type": "close", "code": output["code"]}
        frame = _frame(output)
        self.frames.append(frame)
        return frame

    async def until(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The next frame of that type with these fields. Raises Closed and TimeoutError."""
        while True:
            frame = await self.next()
            if frame["type"] == type_ and fields.items() <= frame.items():
                return frame
            if frame["type"] == "close":
                raise Closed(frame["code"], type_)

    async def closed(self) -> int:
        """Wait for the end; the close code."""
        while (frame := await self.next())["type"] != "close":
            pass
        return int(frame["code"])

    async def quiet(self) -> list[dict[str, Any]]:
        """What has come by the time that a ping is answered: everything sent before it."""
        before = len(self.frames)
        await self.send(type="ping")
        await self.until("pong")
        return self.frames[before:-1]


@asynccontextmanager
async def connected(
    app: Application,
    path: str,
    *,
    user: Any = None,
    person: Person | None = None,
    headers: Mapping[str, str] | None = None,
    **scope: Any,
) -> AsyncIterator[Socket]:
    """A socket that got its welcome, or was refused.

    `app` is `Consumer.as_asgi()`, a URLRouter of them, or the whole stack. `user` is let in as one
    who was authenticated, named by `person` or else by their username; without either nobody shows
    a credential. `headers` are for a stack that authenticates by itself; `scope` is laid over what
    Channels would put there.
    """
    given = [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()]
    communicator = WebsocketCommunicator(app, path, headers=given)
    communicator.scope.update({"credential": _credential(user, person), **scope})
    accepted, _ = await communicator.connect(timeout=TIMEOUT)
    assert accepted, "the handshake was answered HTTP 403"
    socket = Socket(communicator)
    try:
        first = await socket.next()
        socket.welcome = first if first["type"] == "welcome" else {}
        yield socket
    finally:
        await communicator.disconnect(timeout=TIMEOUT)


async def end_engine() -> None:
    """End what the consumers of a test share. To be awaited before the database is emptied."""
    for services in (presences, places, reporters, hubs):
        for service in services.all():
            await service.close()
    database.shutdown()


def _frame(output: dict[str, Any]) -> dict[str, Any]:
    if (text := output.get("text")) is None:
        return {"type": "bytes", "data": output["bytes"]}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return {"type": "text", "data": text}


def _credential(user: Any, person: Person | None) -> Credential | None:
    if person is None and user is not None:
        person = Person(id=str(user.pk), name=user.get_username())
    return None if person is None else Credential(user=user, person=person, kind="test")
