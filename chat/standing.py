"""Whether those who are in a room by a socket may still be."""

from collections.abc import Iterator, Sequence

from chat import access
from chat.consumers import RoomConsumer
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import Refused
from realtime.sweep import Standing


def room(socket: Standing) -> str:
    return socket.slug if isinstance(socket, RoomConsumer) else ""


def check(sockets: Sequence[Standing]) -> Iterator[tuple[Standing, Refused]]:
    rooms = (socket for socket in sockets if isinstance(socket, RoomConsumer))
    # Who still waits for a place among the user's sockets has not asked for the room yet.
    entries = {socket: socket.entry for socket in rooms if socket.slug}
    ended = access.entries_ended(entries.values()) if entries else set()
    for socket, entry in entries.items():
        if entry in ended:
            yield (
                socket,
                Refused(
                    CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "You are no longer in this room."
                ),
            )
