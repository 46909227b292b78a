"""The people of the tests, and the rooms they meet in."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model

from accounts.models import Profile
from chat import actions
from chat.models import Membership, Removal, Role, Room


@dataclass(frozen=True)
class Cast:
    """`open_room` is public and open to guests. The banned one was a member of all rooms."""

    owner: Any
    moderator: Any
    member: Any
    banned: Any
    guest: Any
    stranger: Any
    staff: Any
    open_room: Room
    public_room: Room
    private_room: Room


def make_user(username: str, *, guest: bool = False, **fields: Any) -> Any:
    user = get_user_model().objects.create_user(username=username, password="pass", **fields)
    Profile.objects.create(user=user, display_name=username.title(), guest=guest)
    return user


def make_cast() -> Cast:
    owner, member = make_user("owner"), make_user("member")
    guest, stranger = make_user("guest", guest=True), make_user("stranger")
    staff = make_user("staff", is_staff=True)
    open_room = actions.create_room(by=owner, name="Open", open_to_guests=True)
    public_room = actions.create_room(by=owner, name="Public")
    private_room = actions.create_room(by=owner, name="Private", visibility="private")
    private_room.slug = "private"  # where tests can find it
    private_room.save(update_fields=["slug"])
    moderator, banned = make_user("moderator"), make_user("banned")
    for room in (open_room, public_room, private_room):
        actions.join_room(room=room, user=member)
        # Without their events: the logs stay as short as tests expect them.
        Membership.objects.create(room=room, user=moderator, role=Role.MODERATOR)
        Removal.objects.create(room=room, user=banned, seq=0, banned=True)
    return Cast(
        owner=owner,
        moderator=moderator,
        member=member,
        banned=banned,
        guest=guest,
        stranger=stranger,
        staff=staff,
        open_room=open_room,
        public_room=public_room,
        private_room=private_room,
    )
