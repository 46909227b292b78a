"""What is unread counts messages since one joined, and a read mark never goes back."""

from typing import Any

import pytest

from chat import actions
from chat.models import Membership, Room
from chat.queries import sidebar, unread_by_room
from tests.cast import Cast
from tests.rooms import mark_read, say

pytestmark = pytest.mark.django_db(transaction=True)


def unread(room: Room, user: Any) -> int:
    return {each.pk: count for each, count in sidebar(user)}[room.pk]


def mark(cast: Cast, seq: int) -> int | None:
    return mark_read(room=cast.open_room, user=cast.member, seq=seq)


def test_unread_counts_messages_only_and_only_since_one_joined(cast: Cast) -> None:
    say(cast.open_room, cast.owner, "1")
    actions.join_room(room=cast.open_room, user=cast.stranger)
    assert unread(cast.open_room, cast.stranger) == 0
    say(cast.open_room, cast.owner, "2")
    actions.join_room(room=cast.open_room, user=cast.guest)
    say(cast.open_room, cast.owner, "3")
    assert unread(cast.open_room, cast.member) == 3
    assert unread(cast.open_room, cast.stranger) == 2
    assert unread(cast.open_room, cast.guest) == 1
    assert unread(cast.open_room, cast.staff) == 0  # no member


def test_the_counts_of_all_members_are_those_that_each_sees(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    mark(cast, 100)
    say(cast.open_room, cast.owner, "2")
    counts = unread_by_room([cast.open_room.pk])
    assert counts == {
        "open": {
            str(user.pk): unread(cast.open_room, user)
            for user in (cast.owner, cast.moderator, cast.member)
        }
    }
    assert counts["open"][str(cast.member.pk)] == 1


def test_a_read_mark_counts_what_is_left_and_never_goes_back(cast: Cast) -> None:
    first, second = (say(cast.open_room, cast.owner, client_id).seq for client_id in "12")
    assert mark(cast, first) == 1
    assert mark(cast, first) is None
    assert mark(cast, first - 1) is None
    assert unread(cast.open_room, cast.member) == 1
    assert mark(cast, second) == 0
    assert unread(cast.open_room, cast.member) == 0


def test_a_read_mark_goes_no_further_than_the_head(cast: Cast) -> None:
    head = say(cast.open_room, cast.owner).seq
    assert mark(cast, 2**53) == 0
    membership = Membership.objects.get(room=cast.open_room, user=cast.member)
    assert membership.read_seq == head
    say(cast.open_room, cast.owner, "2")
    assert unread(cast.open_room, cast.member) == 1


def test_whoever_is_no_member_has_no_read_mark(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    assert mark_read(room=cast.open_room, user=cast.stranger, seq=1) is None
    assert not cast.open_room.memberships.filter(user=cast.stranger).exists()
