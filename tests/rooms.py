"""What is said in rooms, and what their logs have."""

from typing import Any

import msgspec
from asgiref.sync import sync_to_async

from chat import actions
from chat.marks import Mark, mark_reads
from chat.models import Event, Room
from chat.posting import Receipt


def say(room: Room, author: Any, client_id: str = "c", text: str = "hi") -> Receipt:
    return actions.post_message(room=room, author=author, text=text, client_id=client_id)


def mark_read(*, room: Room, user: Any, seq: int) -> int | None:
    return mark_reads([Mark(room.pk, user.pk, seq)])[0]


def log(room: Room) -> list[tuple[int, str]]:
    return list(Event.objects.filter(room=room).order_by("seq").values_list("seq", "kind"))


stored = sync_to_async(log)


def seqs(room: Room) -> list[int]:
    return [seq for seq, _ in log(room)]


def last_frame(room: Room) -> dict[str, Any]:
    event = Event.objects.filter(room=room).latest("seq")
    frame: dict[str, Any] = msgspec.json.decode(event.payload)
    return frame


@sync_to_async
def post(room: Room, author: Any, count: int = 1) -> None:
    for _ in range(count):
        number = Event.objects.count()
        actions.post_message(room=room, author=author, text=f"m{number}", client_id=f"c{number}")
