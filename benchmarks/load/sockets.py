"""The clients: picows sockets on a loop that never sleeps.

A sleeping client would be woken by the server's writes, and the server would pay for that: a loop
that spins on its own core costs the server nothing.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

CONNECTING = 32
READY_SECONDS = 30.0

Told = Callable[[str], None]


class Client(WSListener):
    """One socket. Subclasses get every text frame in `received`."""

    transport: WSTransport
    close_code: int | None = None
    came_in = 0.0  # seconds from the first byte to the welcome

    def __init__(self, ready: bytes) -> None:
        super().__init__()
        self._ready_mark = ready
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        if not self._ready_mark:
            self.ready.set_result(None)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            payload = frame.get_payload_as_bytes()
            if self._ready_mark and self._ready_mark in payload:
                self._ready_mark = b""
                self.ready.set_result(None)
            self.received(payload)
        elif frame.msg_type == WSMsgType.CLOSE:
            self.close_code = int(frame.get_close_code())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self.ready.done():
            self.ready.set_exception(
                ConnectionError(f"closed before it was ready: {self.close_code}")
            )
        self.gone()

    def received(self, payload: bytes) -> None:
        """A text frame came."""

    def gone(self) -> None:
        """The connection has ended."""

    def send(self, payload: bytes) -> None:
        self.transport.send(WSMsgType.TEXT, payload)


def spin() -> None:
    loop = asyncio.get_running_loop()

    def again() -> None:
        loop.call_soon(again)

    again()


async def connect(
    make: Callable[[int], Client],
    urls: Sequence[str],
    tokens: Sequence[str],
    *,
    told: Told,
    at_once: int = CONNECTING,
) -> list[Client]:
    """One ready client per URL, in its order, of `make(index)`; the tokens are used in turn."""
    gate = asyncio.Semaphore(at_once)
    done = 0

    async def one(number: int, url: str) -> Client:
        nonlocal done
        token = tokens[number % len(tokens)] if tokens else None
        headers = {"Origin": "http://" + url.split("/")[2]}  # as from a page of the site
        if token:
            headers["Authorization"] = f"Bearer {token}"
        async with gate:
            start = time.perf_counter()
            _, client = await ws_connect(
                lambda: make(number),
                url,
                extra_headers=headers,
                websocket_handshake_timeout=READY_SECONDS,
            )
            await asyncio.wait_for(client.ready, READY_SECONDS)
            client.came_in = time.perf_counter() - start
        done += 1
        if done % 100 == 0:
            told(f"{done:,} of {len(urls):,} sockets")
        return client

    return list(await asyncio.gather(*(one(number, url) for number, url in enumerate(urls))))


async def disconnect(clients: Iterable[Client]) -> None:
    for client in clients:
        client.transport.disconnect()


def run(main: Callable[[], object]) -> object:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main())
