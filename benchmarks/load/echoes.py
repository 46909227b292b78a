"""One message at a time, from one window to another, and its ack."""

import asyncio
import time
from typing import Any

from benchmarks.load.crowd import spread
from benchmarks.load.dialects import DIALECTS, client_id
from benchmarks.load.sockets import Client, Told, connect

PAUSE_SECONDS = 0.02  # people do not type back to back


class Window(Client):
    """Hears of the one message that is under way."""

    def __init__(self) -> None:
        super().__init__(DIALECTS["message"].ready)
        self.waits: dict[bytes, asyncio.Future[float]] = {}

    def expect(self, mark: bytes) -> "asyncio.Future[float]":
        self.waits[mark] = asyncio.get_running_loop().create_future()
        return self.waits[mark]

    def received(self, payload: bytes) -> None:
        for mark in [mark for mark in self.waits if mark in payload]:
            self.waits.pop(mark).set_result(time.perf_counter())


async def windows(job: dict[str, Any], told: Told) -> dict[str, Any]:
    """`messages` of them, from the first socket to the second; times in ms."""
    a, b = await connect(lambda _: Window(), [job["url"]] * 2, job["tokens"], told=told)
    assert isinstance(a, Window)
    assert isinstance(b, Window)
    await asyncio.sleep(1)
    deliveries, acks = [], []
    for number in range(job["messages"] + 10):
        text = b"over to you, number %d!" % number
        came = b.expect(text)
        acked = a.expect(b'"type":"sent","client_id":"%s"' % client_id(number))
        start = time.perf_counter()
        a.send(DIALECTS["message"].frame(text, number))
        deliveries.append(await asyncio.wait_for(came, 10) - start)
        acks.append(await asyncio.wait_for(acked, 10) - start)
        await asyncio.sleep(PAUSE_SECONDS)
    # The first few find every cache cold.
    return {"window": spread(deliveries[10:]), "ack": spread(acks[10:])}
