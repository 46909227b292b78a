"""Who may do what in a room. Nothing else decides it.

Each function fetches through the asker: what one may not know of looks like what does not exist.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from django.db.models import Exists, Q, QuerySet

from accounts.access import is_staff
from accounts.queries import is_guest
from accounts.scopes import Scope, Scopes, allow
from chat.models import Event, Membership, Removal, Role, Room, Visibility
from realtime.prepared import Prepared

M = TypeVar("M", Membership, Removal)
PAIR = ("room_id", "user_id")

RANKS: dict[str | None, int] = {None: 0, Role.MEMBER: 1, Role.MODERATOR: 2, Role.OWNER: 3}
READ, POST = Scope.ROOMS_READ, Scope.ROOMS_POST
# What an API key needs for each frame; what is not here, it may not send.
FRAME_SCOPES: dict[str, Scope] = {
    "history": READ,
    "read": READ,
    "message": POST,
    "typing": POST,
    "event": POST,
}


def may_send(scopes: Scopes, frame: str) -> bool:
    return allow(scopes, FRAME_SCOPES.get(frame))


def rooms_for(user: Any) -> QuerySet[Room]:
    """The rooms that the user may know of and read."""
    return _rooms_for(user.pk, guest=is_guest(user))


def room_for(user: Any, slug: str) -> Room:
    """Raises Room.DoesNotExist."""
    if (room := _ROOM_FOR[is_guest(user)].first(user.pk, slug)) is None:
        raise Room.DoesNotExist
    return room


def _rooms_for(user_id: Any, *, guest: bool) -> QuerySet[Room]:
    open_rooms = Q(visibility=Visibility.PUBLIC)
    if guest:
        open_rooms &= Q(open_to_guests=True)
    joined = Membership.objects.filter(user=user_id).values("room_id")
    banned = Removal.objects.filter(user=user_id, banned=True).values("room_id")
    return Room.objects.filter(open_rooms | Q(pk__in=joined)).exclude(pk__in=banned)


_ROOM_FOR = {
    guest: Prepared(
        lambda user_id, slug, guest=guest: _rooms_for(user_id, guest=guest).filter(slug=slug)
    )
    for guest in (False, True)
}


def events_for(user: Any, room: Room) -> QuerySet[Event]:
    """The room's log for who was let in before: empty if they may not read it any more."""
    return Event.objects.filter(Exists(rooms_for(user).filter(pk=room.pk)), room=room)


def may_join(user: Any, room: Room) -> bool:
    """Whoever may read a public room may become its member; the others are invited."""
    return _is_open(room, guest=is_guest(user))


def _is_open(room: "Room | _Door", *, guest: bool) -> bool:
    return room.visibility == Visibility.PUBLIC and (room.open_to_guests or not guest)


def may_create_rooms(user: Any) -> bool:
    return bool(user.is_authenticated) and not is_guest(user)


def may_change(user: Any, room: Room) -> bool:
    """Name and topic are for those who keep the room."""
    return rank(user, role_in(room, user)) >= RANKS[Role.MODERATOR]


# --- members ---


def role_in(room: Room, user: Any) -> str | None:
    return Membership.objects.filter(room=room, user=user).values_list("role", flat=True).first()


def rank(user: Any, role: str | None) -> int:
    """Owner over moderator over member over none; staff are moderators at least."""
    return max(RANKS[role], RANKS[Role.MODERATOR] if is_staff(user) else 0)


def may_moderate(user: Any, room: Room) -> bool:
    """Add, remove and ban. In direct rooms nobody is over the other."""
    return room.visibility != Visibility.DIRECT and may_change(user, room)


def may_handle(user: Any, room: Room, *, role: str | None) -> bool:
    """Give this role, or handle somebody who has it: those below one's own; an owner, all."""
    own = role_in(room, user)
    return may_moderate(user, room) and (own == Role.OWNER or rank(user, own) > RANKS[role])


def may_know_of(user: Any, other: Any) -> bool:
    """Whether the other's name is to be read in a room that the user may read. Staff know all."""
    if other is None:
        return False
    rooms = rooms_for(user)
    return bool(
        is_staff(user)
        or Membership.objects.filter(room__in=rooms, user=other).exists()
        or Event.objects.filter(room__in=rooms, author=other).exists()
    )


# --- whoever was let in before ---


class Entry(NamedTuple):
    """A person in a room, by its slug. `since` is the room's head when they were let in."""

    slug: str
    user_id: Any
    guest: bool
    since: int


class _Door(NamedTuple):
    """What of a room is asked of all sockets, again and again."""

    pk: Any
    visibility: str
    open_to_guests: bool
    removal_seq: int


DOOR = ("slug", "pk", *_Door._fields[1:])


def entries_ended(entries: Iterable[Entry]) -> set[Entry]:
    """Those who would not be let in now, or were put out since. Three queries at most."""
    entries = set(entries)
    named = Room.objects.filter(slug__in={entry.slug for entry in entries}).order_by()
    rooms = {slug: _Door(*door) for slug, *door in named.values_list(*DOOR)}
    found = {entry for entry in entries if entry.slug in rooms}
    doubted = {entry for entry in found if rooms[entry.slug].removal_seq > entry.since}
    removals = {
        (room_id, user_id): seq
        for room_id, user_id, seq in _of(Removal, doubted, rooms).values_list(*PAIR, "seq")
    }
    invited = {entry for entry in found if not _is_open(rooms[entry.slug], guest=entry.guest)}
    members = set(_of(Membership, invited, rooms).values_list(*PAIR))

    def ended(entry: Entry) -> bool:
        pair = (rooms[entry.slug].pk, entry.user_id)
        return removals.get(pair, 0) > entry.since or (entry in invited and pair not in members)

    return (entries - found) | {entry for entry in found if ended(entry)}


def _of(model: type[M], entries: set[Entry], rooms: Mapping[str, _Door]) -> QuerySet[M]:
    """The rows of these people in these rooms."""
    return model._default_manager.filter(
        room_id__in={rooms[entry.slug].pk for entry in entries},
        user_id__in={entry.user_id for entry in entries},
    )
