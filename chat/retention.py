"""What goes with the messages that a room does not keep."""

from django.db import transaction

from chat.models import Event, Membership, Room
from chat.record import lock_members
from chat.unread import unread_changed


def forget(room: Room, tail: int) -> None:
    """Nobody has unread what is not there: the locked room's members have read up to `tail`."""
    going = Event.objects.filter(room=room, kind="message", seq__lte=tail).count()
    messages = room.tail_messages + going
    Room.objects.filter(pk=room.pk).update(tail_messages=messages)
    behind = Membership.objects.filter(room=room, read_seq__lt=tail)
    lock_members(behind)
    if behind.update(read_seq=tail, read_messages=messages):
        transaction.on_commit(lambda: unread_changed([room.pk]), robust=True)
