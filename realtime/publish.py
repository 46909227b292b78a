"""The one way by which frames leave the code that makes them.

`publish` may be called from anywhere: the event loop, a database thread, a view's thread, a
command without any loop. Durable frames are published with `publish_on_commit`, so that nobody
hears of what is rolled back.
"""

import asyncio
from typing import Any

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from realtime.frames import ServerFrame, encode
from realtime.hub import hubs
from realtime.link import send_to_layer
from realtime.packet import Packet
from realtime.switchboard import PEOPLE, Switchboard

logger = structlog.get_logger(__name__)

_sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold of its tasks


def publish(group: str, frame: ServerFrame | bytes, *, skip: str | None = None) -> None:
    """Send a transient frame to every socket of the group, on every worker.

    `skip` is a connection id or a person's id: those sockets do not get it. Best effort: a frame
    may be lost with the layer.
    """
    _send(group, Packet(_encoded(frame), skip=skip))


def publish_on_commit(group: str, frame: ServerFrame | bytes, *, seq: int) -> None:
    """Send a frame of the group's log once the transaction that wrote it is committed.

    Should the layer lose it, the hubs read it from the log.
    """
    packet = Packet(_encoded(frame), seq=seq)
    transaction.on_commit(lambda: _send(group, packet), robust=True)


def tell(notice: str, people: dict[str, Any]) -> None:
    """Call `told(notice, details)` on every consumer of these people: `{person id: details}`.

    Best effort, like `publish`.
    """
    _send(PEOPLE, Packet(Switchboard.packed(notice, people.items())))


def _encoded(frame: ServerFrame | bytes) -> bytes:
    return frame if isinstance(frame, bytes) else encode(frame)


def _send(group: str, packet: Packet) -> None:
    if here := hubs.all():
        for hub in here:
            hub.publish_threadsafe(group, packet)
    else:
        _send_from_outside(group, packet)


def _send_from_outside(group: str, packet: Packet) -> None:
    """A process without sockets, such as a command. What the layer fails to take is healed."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        async_to_sync(_send_quietly)(group, packet)
    else:
        task = loop.create_task(_send_quietly(group, packet))
        _sending.add(task)
        task.add_done_callback(_sending.discard)


async def _send_quietly(group: str, packet: Packet) -> None:
    try:
        await send_to_layer(group, packet, layer=get_channel_layer())
    except Exception as error:  # noqa: BLE001 - the change is committed: it must not seem to fail
        logger.warning("publish_failed", group=group, error=str(error))
