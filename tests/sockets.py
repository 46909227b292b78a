"""Driving consumers without a server."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.urls import re_path

from accounts.queries import person
from chat.routing import websocket_urlpatterns
from realtime.credentials import Credential
from realtime.elsewhere import NotFoundConsumer

TIMEOUT = 5
router = URLRouter([*websocket_urlpatterns, re_path(r"", NotFoundConsumer.as_asgi())])


class Socket:
    """A client's end. Frames that nobody waited for are kept."""

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
        """The next frame or, once closed, `{"type": "close", "code": ...}`."""
        output = await self._communicator.receive_output(timeout=TIMEOUT)
        if output["type"] == "websocket.close":
            return {"type": "close", "code": output["code"]}
        frame: dict[str, Any] = msgspec.json.decode(output["text"])
        self.frames.append(frame)
        return frame

    async def until(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The next frame of that type with these fields."""
        while True:
            frame = await self.next()
            if frame["type"] == type_ and fields.items() <= frame.items():
                return frame
            assert frame["type"] != "close", f"closed with {frame['code']}, waiting for {type_}"

    async def closed(self) -> int:
        while (frame := await self.next())["type"] != "close":
            pass
        return int(frame["code"])

    async def quiet(self) -> list[dict[str, Any]]:
        """What has come by the time that a ping is answered: everything sent before it."""
        before = len(self.frames)
        await self.send(type="ping")
        await self.until("pong")
        return self.frames[before:-1]

    @property
    def durable(self) -> list[int]:
        return [frame["seq"] for frame in self.frames if frame["type"] in DURABLE]


DURABLE = {"message", "member", "room", "notification", "notification-update"}


@asynccontextmanager
async def connected(
    app: Callable[..., Awaitable[None]], path: str, user: Any = None, **scope: Any
) -> AsyncIterator[Socket]:
    """A socket that got its welcome, or was refused."""
    communicator = WebsocketCommunicator(app, path)
    communicator.scope["credential"] = user and Credential(
        user=user, person=await sync_to_async(person)(user), kind="test"
    )
    communicator.scope.update(scope)
    accepted, _ = await communicator.connect(timeout=TIMEOUT)
    assert accepted
    socket = Socket(communicator)
    first = await socket.next()
    socket.welcome = first if first["type"] == "welcome" else {}
    try:
        yield socket
    finally:
        await communicator.disconnect(timeout=TIMEOUT)


def in_room(slug: str, user: Any, *, after: int | str | None = None, **scope: Any) -> Any:
    query = "" if after is None else f"?after={after}"
    return connected(router, f"/ws/chat/{slug}/{query}", user, **scope)
