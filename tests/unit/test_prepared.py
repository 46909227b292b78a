"""Queries compiled once: the same rows as the ORM's, for other values too."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from chat.models import Membership, Room
from realtime.prepared import Prepared
from tests.cast import Cast

pytestmark = pytest.mark.django_db

User = get_user_model()


def rooms_of(user_id: Any, slug: str) -> Any:
    joined = Membership.objects.filter(user=user_id).values("room_id")
    return Room.objects.filter(Q(visibility="public") | Q(pk__in=joined), slug=slug)


def fields(instance: Any) -> dict[str, Any]:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.fields}


def test_it_gives_what_the_orm_gives_for_the_first_values_and_for_others(cast: Cast) -> None:
    prepared = Prepared(rooms_of)
    for user in (cast.owner, cast.stranger, cast.member):
        for room in (cast.private_room, cast.public_room):
            expected = [fields(found) for found in rooms_of(user.pk, room.slug)]
            assert [fields(found) for found in prepared(user.pk, room.slug)] == expected


def test_it_is_compiled_once(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(user_id: int) -> Any:
        made.append(user_id)
        return User.objects.filter(pk=user_id)

    prepared = Prepared(make)
    for user in (cast.owner, cast.member, cast.guest):
        assert prepared(user.pk) == [user]
    assert made == [cast.owner.pk]


def test_what_is_selected_with_an_instance_takes_no_further_query(cast: Cast) -> None:
    prepared = Prepared(lambda user_id: User.objects.select_related("profile").filter(pk=user_id))
    prepared(cast.owner.pk)
    with CaptureQueriesContext(connection) as captured:
        guest = prepared.first(cast.guest.pk)
        assert guest
        assert guest.profile.guest  # type: ignore[attr-defined]
    assert len(captured) == 1
    assert fields(guest) == fields(User.objects.get(pk=cast.guest.pk))


def test_a_related_object_that_is_missing_is_missing(cast: Cast) -> None:
    plain = User.objects.create_user(username="plain")
    prepared = Prepared(lambda user_id: User.objects.select_related("profile").filter(pk=user_id))
    prepared(cast.owner.pk)
    found = prepared.first(plain.pk)
    assert found == plain
    assert not hasattr(found, "profile")


def test_nothing_found_is_nothing(cast: Cast) -> None:
    prepared = Prepared(lambda user_id: User.objects.filter(pk=user_id))
    assert prepared(0) == []
    assert prepared.first(0) is None


def test_values_that_cannot_be_told_apart_are_not_taken_for_each_other(cast: Cast) -> None:
    # Both are 1 at first: which of them is which is seen at the second call only.
    prepared = Prepared(lambda low, high: User.objects.filter(pk__gte=low, pk__lte=high))
    everybody = set(User.objects.values_list("pk", flat=True))
    prepared(1, 1)
    for _ in range(2):
        assert {user.pk for user in prepared(0, 10**9)} == everybody
