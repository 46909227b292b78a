"""The site over HTTP and sockets, for what a test needs to be there before it looks."""

import asyncio
import itertools
import json
from collections.abc import Iterable
from typing import Any

from playwright.async_api import APIRequestContext
from websockets.asyncio.client import connect

from tests.browser.window import PATIENCE_S

PASSWORD = "chatsite-demo"
SAYING_S = 120  # a thousand messages


class Site:
    """Acts as the demo account `staff`, by its token."""

    def __init__(self, *, api: APIRequestContext, address: str) -> None:
        self.address = address
        self._api = api
        self._access = ""
        self._numbers = itertools.count(1)

    async def sign_in(self) -> None:
        answer = await self.call("token/", {"username": "staff", "password": PASSWORD})
        self._access = answer["access"]

    async def call(self, path: str, data: dict[str, Any] | None = None, method: str = "") -> Any:
        answer = await self._api.fetch(
            f"{self.address}/api/{path}",
            method=method or ("GET" if data is None else "POST"),
            data=data,
            headers=self._headers,
        )
        assert answer.ok, f"{path}: {answer.status} {await answer.text()}"
        return await answer.json()

    def unique(self, word: str) -> str:
        return f"{word} {next(self._numbers)}"

    async def room(self, name: str = "Harbour", **fields: Any) -> str:
        """A room of its own for a test, open to guests unless said otherwise: its slug."""
        fields = {"name": self.unique(name), "open_to_guests": True, **fields}
        return str((await self.call("rooms/", fields))["slug"])

    async def say(self, room: str, texts: Iterable[str]) -> None:
        """Messages of `staff`, in order, over one socket."""
        frames = [
            json.dumps({"type": "message", "text": text, "client_id": self.unique("seed")})
            for text in texts
        ]
        url = f"{self.address.replace('http', 'ws')}/ws/chat/{room}/"
        # Unbounded: what is left unread would otherwise keep the closing from being heard.
        connection = connect(
            url,
            additional_headers=self._headers,
            max_queue=None,
            open_timeout=PATIENCE_S,
            ping_timeout=PATIENCE_S,
        )
        async with connection as socket, asyncio.timeout(SAYING_S):
            sending = asyncio.create_task(_send_all(socket, frames))
            waiting = len(frames)
            while waiting:
                waiting -= json.loads(await socket.recv())["type"] == "sent"
            await sending

    async def messages(self, room: str) -> list[dict[str, Any]]:
        """The room's log, as the database has it."""
        page = await self.call(f"rooms/{room}/events/?after=0&limit=200")
        return [event for event in page["results"] if event["type"] == "message"]

    async def order(self, *, owner: str, reference: str) -> str:
        return str((await self.call("orders/", {"user": owner, "reference": reference}))["id"])

    async def notify(self, *, to: str, **fields: str) -> None:
        await self.call("notifications/", {"to": to, "kind": "generic", "message": "", **fields})

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access}"} if self._access else {}


async def _send_all(socket: Any, frames: list[str]) -> None:
    for frame in frames:
        await socket.send(frame)
