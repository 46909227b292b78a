"""A site that breaks its promises, one by one: what no soak may overlook. Named in SOAK_FAULT.

false-ack     A  a message is acknowledged and never stored
put-out       B  who says something is told, one time in ten, that there is no such room
garbled       B  the tenth frame of a log is never written to a socket; C  every seventh is twice
stays         D  whoever leaves is shown for good
leases        D  the people of a worker that died are
leaks         E  2 MiB for each message
slow          F  a second passes until a message is told
unwell        G  /healthz takes 1.5 s, and logs a traceback
open-doors    H  everybody may enter every room
"""

import asyncio
import os
import random
from threading import Timer
from typing import Any

import structlog

from chat import access
from chat.consumers import RoomConsumer
from chat.frames import PostMessage, Sent
from chat.models import Room
from chat.posting import Receipt
from chatsite import health
from realtime import presence_store, publish
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import Refused
from realtime.frames import now
from realtime.packet import Packet, header
from realtime.presence import Presence

LOST = 10
LEAK = 2 * 1024 * 1024
LATE = 1.0  # seconds
UNWELL = 1.5

_leaked: list[bytes] = []
_on_message = RoomConsumer.on_message
_stored = RoomConsumer._stored
_send = publish._send
_alive = health.alive


async def false_ack(self: RoomConsumer, frame: PostMessage) -> None:
    self.answer(Sent(client_id=frame.client_id, seq=1, timestamp=now()))


async def put_out(self: RoomConsumer, frame: PostMessage) -> None:
    if random.random() < 0.1:  # noqa: S311 - of no consequence
        self.end(Refused(CloseCode.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such room."))
    else:
        await _on_message(self, frame)


def garbled(self: Packet) -> bytes:
    frame = header(len(self.payload)) + self.payload
    if self.seq is None:
        return frame
    return b"" if self.seq == LOST else frame * (1 + (self.seq % 7 == 0))


def stays(self: Presence, group: str, person_id: str) -> None: ...


def leak(self: RoomConsumer, frame: PostMessage, receipt: Receipt) -> None:
    _leaked.append(os.urandom(LEAK))
    _stored(self, frame, receipt)


def slow(group: str, packet: Packet) -> None:
    Timer(LATE, _send, (group, packet)).start()


async def unwell() -> health.Answer:
    await asyncio.sleep(UNWELL)
    structlog.get_logger(__name__).error("unwell", exc_info=RuntimeError("a fault"))
    return await _alive()


def open_door(user: Any, slug: str) -> Room:
    return Room.objects.get(slug=slug)


# Where, what, and what it is in its place.
BROKEN: dict[str, tuple[object, str, object]] = {
    "false-ack": (RoomConsumer, "on_message", false_ack),
    "put-out": (RoomConsumer, "on_message", put_out),
    "garbled": (Packet, "wire", property(garbled)),
    "stays": (Presence, "depart", stays),
    "leases": (presence_store, "LEASE", 100_000.0),
    "leaks": (RoomConsumer, "_stored", leak),
    "slow": (publish, "_send", slow),
    "unwell": (health, "ANSWERS", {**health.ANSWERS, "/healthz": unwell}),
    "open-doors": (access, "room_for", open_door),
}


def break_promise(name: str) -> None:
    setattr(*BROKEN[name])
