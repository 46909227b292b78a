"""How far members have read, of whom many read the same message at the same moment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import Q

from chat.models import Event, Membership, Room


class Mark(NamedTuple):
    """Somebody has read a room so far."""

    room_id: int
    user_id: Any
    seq: int


def mark_reads(marks: Sequence[Mark]) -> list[int | None]:
    """Move members' read marks forward, each to its `seq`, at most to the room's head.

    Returns for each how many messages are unread after it; None if the mark did not move. The
    number of queries depends on how far they read, and not on how many they are.
    """
    rooms = Room.objects.only("head", "message_count").in_bulk({mark.room_id for mark in marks})
    goals = _goals(marks, rooms)
    # Counted before anything is locked: of a long log that takes a while.
    unread = {
        (room_id, seq): _unread_after(rooms[room_id], seq)
        for room_id, seq in {(room_id, seq) for (room_id, _), seq in goals.items()}
    }
    moved: set[tuple[int, Any]] = set()
    with transaction.atomic():
        for (room_id, seq), members in _moving(goals).items():
            Membership.objects.filter(pk__in=members).update(
                read_seq=seq, read_messages=rooms[room_id].message_count - unread[room_id, seq]
            )
            moved |= {(room_id, user_id) for user_id in members.values()}
    return [unread[key[0], goals[key]] if (key := mark[:2]) in moved else None for mark in marks]


_Goals = Mapping[tuple[int, Any], int]  # (room id, user id) -> seq


def _goals(marks: Sequence[Mark], rooms: Mapping[int, Room]) -> _Goals:
    goals: dict[tuple[int, Any], int] = {}
    for room_id, user_id, seq in marks:
        if room := rooms.get(room_id):
            goals[room_id, user_id] = max(goals.get((room_id, user_id), 0), min(seq, room.head))
    return goals


def _moving(goals: _Goals) -> Mapping[tuple[int, int], dict[int, Any]]:
    """(room id, seq) -> {membership id: user id}. Locked in the order of their ids."""
    theirs = Q(pk__in=[])
    for room_id in {room_id for room_id, _ in goals}:
        users = [user_id for room, user_id in goals if room == room_id]
        theirs |= Q(room_id=room_id, user_id__in=users)
    members = Membership.objects.select_for_update().filter(theirs).order_by("pk")
    moving: defaultdict[tuple[int, int], dict[int, Any]] = defaultdict(dict)
    for pk, room_id, user_id, read_seq in members.values_list(
        "pk", "room_id", "user_id", "read_seq"
    ):
        if read_seq < (seq := goals[room_id, user_id]):
            moving[room_id, seq][pk] = user_id
    return moving


def _unread_after(room: Room, seq: int) -> int:
    if seq == room.head:
        return 0
    return Event.objects.filter(room=room, kind="message", seq__gt=seq, seq__lte=room.head).count()
