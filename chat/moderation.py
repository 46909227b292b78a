"""What those who keep a room do with its members. Each change is checked under the room's lock."""

from typing import Any

from django.db import transaction

from chat import access
from chat.actions import add_member, keep_an_owner, put_out
from chat.errors import Conflict, Forbidden, NotFound
from chat.models import Membership, Removal, Role, Room
from chat.record import locked, record_member


@transaction.atomic
def set_member(*, room: Room, by: Any, user: Any, role: str | None = None) -> bool:
    """Add the user to the room, or give a member the role. True if they were added.

    Raises Forbidden, Conflict.
    """
    before = _members_role(room := locked(room), by=by, user=user)
    given = role or before or Role.MEMBER
    _check_may_handle(room, by=by, role=given)
    if before is None:
        if Removal.objects.filter(room=room, user=user, banned=True).exists():
            raise Conflict("This person is banned: lift the ban first.")
        return add_member(room, user, role=given, by=by)
    if given != before:
        if before == Role.OWNER:
            keep_an_owner(room)
        Membership.objects.filter(room=room, user=user).update(role=given)
        record_member(room, user, op="role", by=by)
    return False


@transaction.atomic
def kick(*, room: Room, by: Any, user: Any) -> None:
    """End the membership and the sockets in the room. Raises Forbidden, NotFound, Conflict."""
    if _members_role(room := locked(room), by=by, user=user) is None:
        raise NotFound("There is no such member.")
    _remove(room, by=by, user=user, ban=False)


@transaction.atomic
def ban(*, room: Room, by: Any, user: Any) -> None:
    """Put out and keep out, a member or not: the room is not there for them any more.

    Raises Forbidden, Conflict. To ban who is banned changes nothing.
    """
    _members_role(room := locked(room), by=by, user=user)
    if not Removal.objects.filter(room=room, user=user, banned=True).exists():
        _remove(room, by=by, user=user, ban=True)


@transaction.atomic
def lift_ban(*, room: Room, by: Any, user: Any) -> None:
    """The user may come again; they are no member. Raises Forbidden, NotFound."""
    _check_may_handle(room := locked(room), by=by, role=None)
    if not Removal.objects.filter(room=room, user=user, banned=True).update(banned=False):
        raise NotFound("There is no such ban.")


def _members_role(room: Room, *, by: Any, user: Any) -> str | None:
    """The role of somebody whom `by` may handle."""
    role = access.role_in(room, user)
    _check_may_handle(room, by=by, role=role)
    return role


def _check_may_handle(room: Room, *, by: Any, role: str | None) -> None:
    if not access.may_handle(by, room, role=role):
        raise Forbidden("That is for those of a higher role.")


def _remove(room: Room, *, by: Any, user: Any, ban: bool) -> None:
    if user == by:
        raise Conflict("To go yourself, leave the room.")
    if access.role_in(room, user) == Role.OWNER:
        keep_an_owner(room)
    Membership.objects.filter(room=room, user=user).delete()
    record_member(room, user, op="ban" if ban else "kick", by=by)
    put_out(room, user, banned=ban)
