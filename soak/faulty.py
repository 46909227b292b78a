"""The site with faults, named by SOAK_FAULT and separated by commas. For soaks and tests only.

What a soak does to one worker, to see that the site gets over it:

die-before-ack        the process dies when a FATAL message is committed, before anybody hears of it
hold-before-publish   a FATAL message is committed and acknowledged, and then never published
bad-hints:<seed>      what goes to the other workers is lost, repeated and reordered
skew:<seconds>        the clock is so much ahead
handlers-raise        an `event` on a room's socket, and leaving a room over HTTP

What no soak may overlook is in soak.broken. Each fault writes a line when it strikes.

This and soak.broken alone of the soak know how the site works inside: where they break, they must.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from typing import Any

from chatsite.asgi import application as application  # isort: skip - first: it sets Django up

from chat import actions
from chat.consumers import RoomConsumer
from chat.frames import PostMessage, SendEvent
from chat.models import Room
from chat.posting import Receipt
from realtime import link, publish
from realtime.packet import Packet
from soak.broken import break_promise
from soak.workers import ACTED, FATAL

LATEST = 0.5  # seconds by which a hint is late
CLOCK_READERS = [  # they ask `datetime` itself
    "django.utils.timezone",
    "jwt.api_jwt",
    "rest_framework_simplejwt.utils",
    "accounts.sockets",
    "realtime.frames",
]

_stored = RoomConsumer._stored
_send = publish._send
_send_to_layer = link.send_to_layer


def acted(how: str) -> None:
    print(ACTED, how, file=sys.stderr, flush=True)  # noqa: T201 - it must be out before the end


def die_before_ack(self: RoomConsumer, frame: PostMessage, receipt: Receipt) -> None:
    if frame.text.endswith(FATAL) and not receipt.repeated:
        acted("dead")
        os._exit(9)
    _stored(self, frame, receipt)


def hold_before_publish(group: str, packet: Packet) -> None:
    if packet.seq is None or FATAL.encode() not in packet.payload:
        _send(group, packet)
    else:
        acted("held")


class BadHints:
    """Durable packets only: what is not in a log may be lost by contract."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a course that can be repeated
        self._late: set[asyncio.Task[None]] = set()

    async def send(
        self, group: str, packets: Sequence[Packet], *, layer: Any, origin: str = ""
    ) -> None:
        for packet in packets:
            if packet.seq is None:
                await _send_to_layer(group, [packet], layer=layer, origin=origin)
                continue
            for delay in self._fate():
                task = asyncio.create_task(self._send_late(delay, group, packet, layer, origin))
                self._late.add(task)
                task.add_done_callback(self._late.discard)

    def _fate(self) -> list[float]:
        """After how many seconds it is sent: never, once, or several times."""
        copies = self._random.choice([0, 0, 1, 1, 1, 2, 3])
        if copies != 1:
            acted("doubled" if copies else "lost")
        return [self._delay() for _ in range(copies)]

    def _delay(self) -> float:
        if delay := self._random.choice([0.0, self._random.uniform(0, LATEST)]):
            acted("late")
        return delay

    @staticmethod
    async def _send_late(delay: float, *args: Any) -> None:
        group, packet, layer, origin = args
        await asyncio.sleep(delay)
        await _send_to_layer(group, [packet], layer=layer, origin=origin)


async def raise_on_event(self: RoomConsumer, frame: SendEvent) -> None:
    raise RuntimeError("a fault")


def raise_on_leave(*, room: Room, user: Any) -> bool:
    raise RuntimeError("a fault")


def skew(seconds: float) -> None:
    real = time.time
    ahead = timedelta(seconds=seconds)

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + ahead

    time.time = lambda: real() + seconds
    for name in CLOCK_READERS:
        import_module(name).datetime = Skewed  # type: ignore[attr-defined]


def break_as(name: str) -> None:
    fault, _, argument = name.partition(":")
    match fault:
        case "die-before-ack":
            RoomConsumer._stored = die_before_ack  # type: ignore[method-assign]
        case "hold-before-publish":
            publish._send = hold_before_publish
        case "handlers-raise":
            RoomConsumer.on_event = raise_on_event  # type: ignore[method-assign]
            actions.leave_room = raise_on_leave
        case "bad-hints":
            link.send_to_layer = BadHints(int(argument)).send
        case "skew":
            skew(float(argument))
        case _:
            break_promise(fault)


for one in filter(None, os.environ.get("SOAK_FAULT", "").split(",")):
    break_as(one)
