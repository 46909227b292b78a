"""A WebSocket server that does what a test says, and serves our modules to a blank page."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from playwright.async_api import Page
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.browser.server import ROOT
from tests.browser.window import PATIENCE_S, until

Step = Callable[["Line"], Awaitable[None]]
TYPES = {".js": "text/javascript"}
LINE_S = 300  # longer than any test
# `told` is everything the socket says: [event, detail], and [type, seq] of each message.
MAKE = """async ({ options, tickets }) => {
  const { Socket } = await import("/static/js/models/socket.js");
  window.told = [];
  window.tickets = tickets;
  if (tickets) options.ticket = async () => {
    const next = window.tickets.shift();
    if (typeof next === "number") throw Object.assign(new Error("refused"), { status: next });
    return next;
  };
  window.socket = new Socket("/ws/test/", { reconnectInterval: 20, ...options });
  for (const name of ["open", "close", "reconnect", "reconnect_failed", "full"]) {
    socket.addEventListener(name, ({ detail }) => told.push([name, detail]));
  }
  socket.addEventListener("message", ({ detail }) => told.push([detail.type, detail.seq]));
}"""


class Line:
    """One connection, from the server's side."""

    def __init__(self, connection: ServerConnection, url: str) -> None:
        self.opened = time.monotonic()
        self.query = parse_qs(urlsplit(url).query)
        self.frames: list[dict[str, Any]] = []
        self._connection = connection

    async def send(self, *frames: dict[str, Any]) -> None:
        for frame in frames:
            await self._connection.send(json.dumps(frame))

    async def welcome(self, seq: int = 0) -> None:
        await self.send({"type": "welcome", "connection_id": "c", "seq": seq})

    async def messages(self, *seqs: int) -> None:
        await self.send(*({"type": "message", "seq": seq} for seq in seqs))

    async def receive(self, count: int = 1) -> list[dict[str, Any]]:
        for _ in range(count):
            self.frames.append(json.loads(await self._connection.recv()))
        return self.frames

    async def close(self, code: int) -> None:
        await self._connection.close(code)

    async def stay(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self.receive()


class Script:
    """What the server does on the first connection, the second ...; the last is repeated."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE_S * 1_000)
        self.lines: list[Line] = []
        self.address = ""
        self._steps: list[Step] = []
        self._server: Server | None = None

    async def start(self) -> None:
        self._server = await serve(
            self._play, "127.0.0.1", 0, process_request=self._serve, ping_interval=None
        )
        port = next(iter(self._server.sockets)).getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"

    async def stop_the_clock(self) -> None:
        """The socket that is made next hears of no time but what `page.clock.run_for` lets pass."""
        now = time.time()
        await self.page.clock.install(time=now - 3_600)
        await self.page.clock.pause_at(now)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            await self._server.wait_closed()

    async def make(self, *steps: Step, tickets: list[Any] | None = None, **options: Any) -> None:
        """A page with a socket that is not open yet."""
        self._steps = list(steps)
        await self.page.goto(self.address)
        await self.page.evaluate(MAKE, {"options": options, "tickets": tickets})

    async def open(self, *steps: Step, **options: Any) -> None:
        await self.make(*steps, **options)
        await self.page.evaluate("socket.open()")

    async def told(self, name: str = "") -> list[Any]:
        """What was told, or the details of one kind of event."""
        everything = await self.page.evaluate("told")
        return [detail for event, detail in everything if event == name] if name else everything

    async def until_told(self, name: str, count: int = 1) -> list[Any]:
        async def ask() -> list[Any]:
            details = await self.told(name)
            return details if len(details) >= count else []

        return list(await until(ask, f"{count} x {name}"))

    async def _play(self, connection: ServerConnection) -> None:
        assert connection.request
        line = Line(connection, connection.request.path)
        self.lines.append(line)
        step = self._steps[min(len(self.lines), len(self._steps)) - 1]
        with suppress(ConnectionClosed):
            async with asyncio.timeout(LINE_S):
                await step(line)
                await line.stay()

    def _serve(self, _connection: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if path.startswith("/ws/"):
            return None
        file = ROOT / path.lstrip("/")
        if path == "/":
            return _response(b"<!doctype html><title>Script</title>", "text/html")
        if file.suffix in TYPES and file.is_file():
            return _response(file.read_bytes(), TYPES[file.suffix])
        return _response(b"", "text/plain", status=404)


def _response(body: bytes, kind: str, status: int = 200) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body))})
    return Response(status, "", headers, body)
