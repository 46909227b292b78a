"""What staff do, in the database and to whom it is told."""

from typing import Any

import pytest
from django.db import DatabaseError

from ops import actions
from ops.errors import Empty, TooLong, UnknownPerson
from ops.models import AuditEntry
from realtime import publish
from realtime.frames import Announcement, Person
from tests.cast import make_user

pytestmark = pytest.mark.django_db

STAFF = Person(id="7", name="Sue")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    told: list[Any] = []
    for name in ("end_sockets", "end_socket", "announce"):
        monkeypatch.setattr(publish, name, lambda *args, name=name: told.append((name, *args)))
    return told


def test_a_kick_is_written_down_and_told_once_it_is(
    told: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    anna = make_user("anna")
    with django_capture_on_commit_callbacks(execute=True):
        whom = actions.kick(by=STAFF, user_id=str(anna.pk), reason="")
        assert told == []
    assert whom == Person(id=str(anna.pk), name="Anna")
    ((name, person_id, refusal),) = told
    assert (name, person_id, refusal.close_code) == ("end_sockets", whom.id, 4403)
    assert str(AuditEntry.objects.get()) == "Sue kick Anna"


def test_nothing_is_done_that_cannot_be_written_down(
    told: list[Any], monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def full(**_: Any) -> None:
        raise DatabaseError("disk full")

    anna = make_user("anna")
    monkeypatch.setattr(AuditEntry.objects, "create", full)
    with django_capture_on_commit_callbacks(execute=True):
        for act in (
            lambda: actions.kick(by=STAFF, user_id=str(anna.pk), reason=""),
            lambda: actions.disconnect(by=STAFF, connection_id="c", whom=None),
            lambda: actions.announce(by=STAFF, message="x"),
        ):
            with pytest.raises(DatabaseError):
                act()
    assert told == []


def test_an_announcement_is_trimmed_and_told_as_it_is_answered(
    told: list[Any], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        frame = actions.announce(by=STAFF, message=" Tea ")
    assert told == [("announce", frame)] == [("announce", Announcement(message="Tea", from_=STAFF))]


@pytest.mark.parametrize("user_id", ["", "0", "x", "9" * 64, "1; DROP TABLE", "-1"])
def test_an_unknown_person_is_not_kicked(told: list[Any], user_id: str) -> None:
    with pytest.raises(UnknownPerson):
        actions.kick(by=STAFF, user_id=user_id, reason="")
    assert not AuditEntry.objects.exists()


def test_words_have_limits(told: list[Any]) -> None:
    anna = make_user("anna")
    with pytest.raises(TooLong):
        actions.announce(by=STAFF, message="x" * (actions.MAX_ANNOUNCEMENT + 1))
    with pytest.raises(TooLong):
        actions.kick(by=STAFF, user_id=str(anna.pk), reason="x" * (actions.MAX_REASON + 1))
    with pytest.raises(Empty):
        actions.announce(by=STAFF, message="\n\t ")
    assert not AuditEntry.objects.exists()
