from typing import Any

import pytest

from accounts.queries import person
from realtime.credentials import Credential
from tests.cast import Cast
from topics.access import PUBLISH, SUBSCRIBE, is_open, may_publish, may_subscribe


def shown(user: Any, *scopes: str) -> Credential:
    """Of a person, or of a key with these scopes."""
    given = frozenset(scopes) or None
    return Credential(user=user, person=person(user), kind="token", scopes=given)


def test_an_open_topic_is_for_everybody_guests_too(cast: Cast) -> None:
    assert is_open("prices")
    for user in (cast.owner, cast.guest, cast.staff):
        assert may_subscribe(shown(user), "prices")
        assert may_publish(shown(user), "prices")


def test_only_that_person_subscribes_to_their_own_topic(cast: Cast) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    assert not is_open(topic)
    assert may_subscribe(shown(cast.owner), topic)
    for user in (cast.stranger, cast.guest, cast.staff):
        assert not may_subscribe(shown(user), topic)
    assert not may_subscribe(shown(cast.staff, SUBSCRIBE), topic)
    assert may_subscribe(shown(cast.owner, SUBSCRIBE), topic)


def test_only_staff_and_api_keys_publish_there(cast: Cast) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    assert may_publish(shown(cast.staff), topic)
    assert may_publish(shown(cast.stranger, PUBLISH), topic)
    for user in (cast.owner, cast.stranger, cast.guest):
        assert not may_publish(shown(user), topic)


@pytest.mark.parametrize("change", [{"is_staff": False}, {"is_active": False}])
def test_who_is_staff_no_longer_publishes_there_no_longer(
    cast: Cast, change: dict[str, bool]
) -> None:
    credential = shown(cast.staff)
    type(cast.staff).objects.filter(pk=cast.staff.pk).update(**change)
    assert not may_publish(credential, f"user:{cast.owner.pk}:inbox")


@pytest.mark.parametrize("topic", ["user:", "user::", "user:0:x", "user:x"])
def test_nobodys_own_topic_is_nobodys(cast: Cast, topic: str) -> None:
    assert not may_subscribe(shown(cast.owner), topic)
    assert not may_publish(shown(cast.owner), topic)


@pytest.mark.parametrize("topic", ["prices", "user:1:inbox"])
def test_a_key_without_the_scope_does_neither(cast: Cast, topic: str) -> None:
    assert not may_publish(shown(cast.staff, SUBSCRIBE), topic)
    assert not may_subscribe(shown(cast.staff, PUBLISH), topic)
