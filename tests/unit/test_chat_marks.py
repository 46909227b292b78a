"""Read marks of many people at once."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat import actions
from chat.marks import Mark, mark_reads
from chat.models import Membership, Room
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db


def said(room: Room, count: int) -> int:
    """The head, after so many messages."""
    for number in range(count):
        author = room.memberships.get(role="owner").user
        receipt = actions.post_message(
            room=room, author=author, text="hi", client_id=f"{room.pk}-{number}"
        )
    return receipt.seq


def read_seq(room: Room, user: Any) -> int:
    return Membership.objects.get(room=room, user=user).read_seq


def test_each_is_told_what_is_left_in_its_room(cast: Cast) -> None:
    one, other = said(cast.open_room, 3), said(cast.public_room, 2)
    marks = [
        Mark(cast.open_room.pk, cast.owner.pk, one),
        Mark(cast.open_room.pk, cast.member.pk, one - 2),
        Mark(cast.public_room.pk, cast.member.pk, other - 1),
        Mark(cast.open_room.pk, cast.stranger.pk, one),
        Mark(0, cast.member.pk, one),
    ]
    assert mark_reads(marks) == [0, 2, 1, None, None]
    assert mark_reads(marks) == [None] * 5
    assert read_seq(cast.open_room, cast.member) == one - 2
    assert read_seq(cast.public_room, cast.member) == other - 1
    assert read_seq(cast.public_room, cast.owner) == 0
    assert not Membership.objects.filter(room=cast.open_room, user=cast.stranger).exists()


def test_of_two_marks_of_a_person_the_further_one_counts(cast: Cast) -> None:
    head = said(cast.open_room, 3)
    marks = [Mark(cast.open_room.pk, cast.member.pk, seq) for seq in (head - 1, 2**53, 1)]
    assert mark_reads(marks) == [0, 0, 0]
    assert read_seq(cast.open_room, cast.member) == head


def test_no_marks_are_none(cast: Cast) -> None:
    assert mark_reads([]) == []


def test_who_reads_the_newest_costs_the_same_queries_however_many_they_are(cast: Cast) -> None:
    people = [make_user(f"reader-{number}") for number in range(20)]
    for user in people:
        actions.join_room(room=cast.open_room, user=user)

    head = said(cast.open_room, 1)

    def queries(readers: list[Any]) -> int:
        with CaptureQueriesContext(connection) as captured:
            left = mark_reads([Mark(cast.open_room.pk, user.pk, head) for user in readers])
        assert left == [0] * len(readers)
        return len([query for query in captured if query["sql"].startswith(("SELECT", "UPDATE"))])

    assert queries(people[:1]) == queries(people[1:]) == 3
