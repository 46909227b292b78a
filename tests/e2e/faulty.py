"""The site with one fault, named by E2E_FAULT. For tests only.

die-before-ack        the process dies when a FATAL message is committed, before anybody hears of it
hold-before-publish   a FATAL message is committed and acknowledged, and then never published
bad-hints:<seed>      what goes to the other workers is lost, repeated and reordered
"""

import asyncio
import os
import random
import threading
from typing import Any

from chatsite.asgi import application as application  # isort: skip - first: it sets Django up

from chat.consumers import RoomConsumer
from chat.frames import PostMessage
from chat.posting import Receipt
from realtime import link, publish
from realtime.packet import Packet
from tests.e2e.workers import FATAL

LATEST = 0.5  # seconds by which a hint is late

fault, _, argument = os.environ["E2E_FAULT"].partition(":")

_stored = RoomConsumer._stored
_send = publish._send
_send_to_layer = link.send_to_layer


def die_before_ack(self: RoomConsumer, frame: PostMessage, receipt: Receipt) -> None:
    if frame.text == FATAL:
        os._exit(9)
    _stored(self, frame, receipt)


def hold_before_publish(group: str, packet: Packet) -> None:
    if packet.seq is not None and FATAL.encode() in packet.payload:
        threading.Event().wait()  # until the process is killed
    _send(group, packet)


class BadHints:
    """Durable packets only: what is not in a log may be lost by contract."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._late: set[asyncio.Task[None]] = set()

    async def send(self, group: str, packet: Packet, *, layer: Any, origin: str = "") -> None:
        if packet.seq is None:
            await _send_to_layer(group, packet, layer=layer, origin=origin)
            return
        for delay in self._fate():
            task = asyncio.create_task(self._send_late(delay, group, packet, layer, origin))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

    def _fate(self) -> list[float]:
        """After how many seconds it is sent: never, once, or several times."""
        copies = self._random.choice([0, 0, 1, 1, 1, 2, 3])
        return [self._random.choice([0, self._random.uniform(0, LATEST)]) for _ in range(copies)]

    @staticmethod
    async def _send_late(delay: float, *args: Any) -> None:
        group, packet, layer, origin = args
        await asyncio.sleep(delay)
        await _send_to_layer(group, packet, layer=layer, origin=origin)


match fault:
    case "die-before-ack":
        RoomConsumer._stored = die_before_ack
    case "hold-before-publish":
        publish._send = hold_before_publish
    case "bad-hints":
        link.send_to_layer = BadHints(int(argument)).send
    case _:
        raise ValueError(f"E2E_FAULT is {fault!r}")
