"""The fields of bodies take what the published schema says of them, and nothing like it."""

from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.fields import Boolean, Integer, Text
from tests.cast import Cast

OTHERS: list[Any] = [None, [], ["x"], {}, {"x": 1}]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *((Text(), value) for value in [*OTHERS, 5, 1.5, True]),
        *((Boolean(), value) for value in [*OTHERS, "yes", "true", "", 0, 1, 1.0]),
        *((Integer(), value) for value in [*OTHERS, "7", "", True, 1.5, float("inf")]),
    ],
    ids=repr,
)
def test_what_is_of_another_type_is_refused(field: serializers.Field, wrong: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        field.run_validation(wrong)


@pytest.mark.parametrize(
    ("field", "value"),
    [(Text(), "5"), (Boolean(), True), (Boolean(), False), (Integer(), 7), (Integer(), 7.0)],
    ids=repr,
)
def test_what_is_of_the_type_is_taken(field: serializers.Field, value: Any) -> None:
    assert field.run_validation(value) == value


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ban", ["yes", "true", 1, 0, [], {}])
def test_a_ban_in_a_body_is_true_or_false(cast: Cast, ban: Any) -> None:
    client = APIClient()
    client.force_authenticate(cast.owner)
    body = {"user": str(cast.member.pk), "ban": ban}
    answer = client.delete("/api/rooms/open/members/", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["ban"])
