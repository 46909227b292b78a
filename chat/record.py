"""What is appended to a room's log beside messages, and the lock under which all of it is."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from msgspec import UNSET

from accounts.queries import person
from chat.errors import NotFound
from chat.frames import DurableFrame, Member, MemberOp, RoomChanged
from chat.groups import room_group
from chat.models import Event, Membership, Room
from realtime.frames import encode, tag_of
from realtime.publish import publish_on_commit


def locked(room: Room) -> Room:
    """Every change takes the room's row first, so that none waits for another in a circle."""
    try:
        return Room.objects.select_for_update().get(pk=room.pk)
    except Room.DoesNotExist:
        raise NotFound from None


def lock_members(members: QuerySet[Membership]) -> None:
    """In the order in which all do who lock several, so that none waits for another in a circle."""
    list(members.select_for_update().order_by("pk").values_list("pk"))


def lock_memberships_of(instance: Any, **_: Any) -> None:
    """Before a person is deleted: a receiver of Django's pre_delete."""
    lock_members(Membership.objects.filter(user=instance))


def record_member(room: Room, user: Any, *, op: MemberOp, by: Any = None) -> None:
    """Append to the locked room's log what became of a person in it."""
    _record(
        room,
        author=by or user,
        make=lambda seq: Member(
            seq=seq,
            timestamp=timezone.now(),
            user=person(user),
            op=op,
            by=person(by) if by else UNSET,
        ),
    )


def record_change(room: Room, *, by: Any, name: str, topic: str) -> None:
    """Append to the locked room's log what it is now."""
    _record(
        room,
        author=by,
        make=lambda seq: RoomChanged(
            seq=seq, timestamp=timezone.now(), name=name, topic=topic, by=person(by)
        ),
    )


def _record(room: Room, *, author: Any, make: Callable[[int], DurableFrame]) -> None:
    """One event, made from its `seq`."""
    frame = make(room.head + 1)
    payload = encode(frame)
    Room.objects.filter(pk=room.pk).update(head=frame.seq)
    Event.objects.create(
        room_id=room.pk,
        seq=frame.seq,
        timestamp=frame.timestamp,
        payload=payload.decode(),
        kind=tag_of(frame),
        author_id=author.pk,
    )
    room.head = frame.seq
    publish_on_commit(room_group(room.pk), payload, seq=frame.seq)
