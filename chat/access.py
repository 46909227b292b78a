"""Who may do what in a room. Nothing else decides it.

Each function fetches through the asker: what one may not know of looks like what does not exist.
"""

from typing import Any

from django.db.models import Q, QuerySet

from accounts.queries import is_guest
from chat.models import Membership, Role, Room, Visibility


def rooms_for(user: Any) -> QuerySet[Room]:
    """The rooms that the user may know of and read."""
    open_rooms = Q(visibility=Visibility.PUBLIC)
    if is_guest(user):
        open_rooms &= Q(open_to_guests=True)
    joined = Membership.objects.filter(user=user).values("room_id")
    return Room.objects.filter(open_rooms | Q(pk__in=joined))


def room_for(user: Any, slug: str) -> Room:
    """Raises Room.DoesNotExist."""
    return rooms_for(user).get(slug=slug)


def may_join(user: Any, room: Room) -> bool:
    """Whoever may read a public room may become its member; the others are invited."""
    return room.visibility == Visibility.PUBLIC and (room.open_to_guests or not is_guest(user))


def may_create_rooms(user: Any) -> bool:
    return bool(user.is_authenticated) and not is_guest(user)


def may_change(user: Any, room: Room) -> bool:
    """Name and topic are for those who keep the room."""
    keepers = Membership.objects.filter(room=room, user=user, role__in=[Role.OWNER, Role.MODERATOR])
    return bool(user.is_staff) or keepers.exists()
