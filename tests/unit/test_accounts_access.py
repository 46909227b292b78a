"""Who is staff: one answer for every app."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from accounts.access import is_staff, is_staff_now
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"is_staff": True}, True),
        ({}, False),
        ({"is_superuser": True}, False),
        ({"is_staff": True, "is_active": False}, False),
    ],
)
def test_staff_are_those_who_may_sign_in_and_are_marked_so(
    fields: dict[str, Any], expected: bool
) -> None:
    user = make_user("somebody", **fields)
    assert is_staff(user) is is_staff_now(user) is expected


def test_nobody_is_no_staff() -> None:
    assert not is_staff(AnonymousUser())


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}, None])
def test_who_was_staff_when_they_were_read_may_be_none_now(change: dict[str, Any] | None) -> None:
    user = make_user("somebody", is_staff=True)
    rows = get_user_model().objects.filter(pk=user.pk)
    if change:
        rows.update(**change)
    else:
        rows.delete()
    assert is_staff(user)
    assert not is_staff_now(user)
