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

from realtime.credentials import fingerprint
from realtime.errors import Refused
from realtime.frames import Announcement, ServerFrame, encode
from realtime.hub import hubs
from realtime.link import send_to_layer
from realtime.packet import Packet
from realtime.switchboard import ANNOUNCEMENT, END, PEOPLE, RECHECK, Switchboard

logger = structlog.get_logger(__name__)

_sending: set[asyncio.Task[None]] = set()  # the loop itself keeps no hold of its tasks


def publish(
    group: str, frame: ServerFrame | bytes, *, skip: str | None = None, seq: int | None = None
) -> None:
    """Send a frame to every socket of the group, on every worker, at once.

    `skip` is a connection id or a person's id: those sockets do not get it. Best effort: without
    `seq` a frame may be lost with the layer; with it, it is in a log that is no part of a
    transaction.
    """
    _send(group, Packet(_encoded(frame), seq=seq, skip=skip))


def publish_on_commit(group: str, frame: ServerFrame | bytes, *, seq: int) -> None:
    """Send a frame of the group's log once the transaction that wrote it is committed.

    Should the layer lose it, the hubs read it from the log.
    """
    payload = _encoded(frame)
    transaction.on_commit(lambda: publish_stored(group, payload, seq=seq), robust=True)


def publish_stored(group: str, payload: bytes, *, seq: int) -> None:
    """Send a frame of the group's log whose transaction has been committed."""
    _send(group, Packet(payload, seq=seq))


def tell(notice: str, people: dict[str, Any]) -> None:
    """Call `told(notice, details)` on every consumer of these people: `{person id: details}`.

    Best effort, like `publish`.
    """
    _send(PEOPLE, Packet(Switchboard.packed(notice, people.items())))


def tell_connection(notice: str, connection_id: str, details: Any) -> None:
    """The same for one connection, if it is still there."""
    _send(PEOPLE, Packet(Switchboard.packed_for_connection(notice, connection_id, details)))


def tell_processes(notice: str, details: Any) -> None:
    """Call what listens to the notice (`Switchboard.on_notice`) in every process, this one too."""
    _send(PEOPLE, Packet(Switchboard.packed_for_processes(notice, details)))


def announce(frame: Announcement) -> None:
    """To every socket that speaks the protocol."""
    _send(PEOPLE, Packet(Switchboard.packed_for_everybody(ANNOUNCEMENT, frame)))


def end_sockets(person_id: str, refusal: Refused, *, ground: str = "") -> None:
    """End the person's sockets on every worker; only those that stand on `ground`, if it is given.

    Best effort: what was ended for good is found again by the sweep, if the word is lost.
    """
    tell(END, {person_id: _ending(refusal, ground)})


def end_socket(connection_id: str, refusal: Refused) -> None:
    """End one socket, on whichever worker it is."""
    tell_connection(END, connection_id, _ending(refusal))


def recheck_on_commit(*person_ids: str) -> None:
    """Once the transaction is committed, look whether these people's sockets may stay open."""
    transaction.on_commit(lambda: tell(RECHECK, dict.fromkeys(person_ids)), robust=True)


def recheck_everybody_on_commit() -> None:
    """The same for all sockets there are: for what is rare and may concern anybody."""
    word = Packet(Switchboard.packed_for_everybody(RECHECK, None))
    transaction.on_commit(lambda: _send(PEOPLE, word), robust=True)


def _ending(refusal: Refused, ground: str = "") -> dict[str, Any]:
    return {
        "close_code": refusal.close_code,
        "code": refusal.code,
        "message": refusal.message,
        "ground": fingerprint(ground) if ground else "",
    }


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
        await send_to_layer(group, [packet], layer=get_channel_layer())
    except Exception as error:  # noqa: BLE001 - the change is committed: it must not seem to fail
        logger.warning("publish_failed", group=group, error=str(error))
