import hashlib
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone
from msgspec.json import decode

from accounts import actions, queries, tokens
from accounts.models import Profile, Ticket
from realtime.credentials import fingerprint

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    return get_user_model().objects.create_user("ada")


def test_a_guest_is_a_user_with_a_name_and_no_password():
    guest = actions.create_guest(name="  Ada ")
    assert queries.person(guest).name == "Ada"
    assert queries.is_guest(guest)
    assert not guest.has_usable_password()
    assert authenticate(username=guest.get_username(), password="") is None


def test_two_guests_may_have_the_same_name():
    assert actions.create_guest(name="Ada") != actions.create_guest(name="Ada")


def test_a_guest_whose_name_is_refused_is_not_made():
    with pytest.raises(ValidationError):
        actions.create_guest(name="\u202e")
    assert not get_user_model().objects.exists()


def test_a_renamed_person_has_the_new_name_at_once_and_after(ada):
    assert actions.rename(user=ada, name=" Countess ").name == "Countess"
    assert queries.person(ada).name == "Countess"
    assert queries.person(get_user_model().objects.get()).name == "Countess"


def test_a_renamed_guest_stays_a_guest():
    guest = actions.create_guest(name="Ada")
    assert actions.rename(user=guest, name="Bob").guest is True


def test_a_refused_name_changes_nothing(ada):
    with pytest.raises(ValidationError):
        actions.rename(user=ada, name="a" * 51)
    assert not Profile.objects.exists()


def test_only_the_hash_of_a_ticket_is_kept(ada):
    ticket = actions.issue_ticket(user=ada)
    row = Ticket.objects.get()
    assert row.hash == hashlib.sha256(ticket.encode()).hexdigest()
    assert ticket not in str(Ticket.objects.values())


def test_a_ticket_is_256_bits_and_lasts_30_seconds(ada):
    assert len(actions.issue_ticket(user=ada)) == 43  # 32 bytes in base64
    row = Ticket.objects.get()
    lasts = row.expires_at - row.created_at
    assert abs(lasts - timedelta(seconds=30)) < timedelta(milliseconds=2)


def test_a_ticket_is_used_once(ada):
    ticket = actions.issue_ticket(user=ada)
    assert actions.use_ticket(ticket=ticket).user == ada
    assert actions.use_ticket(ticket=ticket) is None


@pytest.mark.parametrize("ticket", ["", "x", "\0", "é", "a" * 10_000])
def test_a_ticket_that_was_never_issued_is_worth_nothing(ticket):
    assert actions.use_ticket(ticket=ticket) is None


def test_a_ticket_that_has_expired_is_worth_nothing(ada):
    ticket = actions.issue_ticket(user=ada)
    Ticket.objects.update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert actions.use_ticket(ticket=ticket) is None


@contextmanager
def worker_whose_clock_is(minutes):
    """What this process reads as the time, but for that of the database."""
    real, shift = timezone.now, timedelta(minutes=minutes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timezone, "now", lambda: real() + shift)
        yield


@pytest.mark.parametrize(("issuer", "user"), [(0, 5), (5, 0), (0, -5), (-5, 0), (-5, 5)])
def test_a_ticket_is_good_at_a_worker_with_another_clock_and_for_no_longer(ada, issuer, user):
    for late, good in ((timedelta(0), True), (timedelta(seconds=31), False)):
        with worker_whose_clock_is(issuer):
            ticket = actions.issue_ticket(user=ada)
        Ticket.objects.update(expires_at=F("expires_at") - late)
        with worker_whose_clock_is(user):
            assert (actions.use_ticket(ticket=ticket) is not None) is good


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_worker_with_another_clock_cleans_no_ticket_that_is_good(ada, minutes):
    ticket = actions.issue_ticket(user=ada)
    with worker_whose_clock_is(minutes):
        actions.issue_ticket(user=ada)
    assert actions.use_ticket(ticket=ticket)


def test_expired_tickets_are_cleaned_by_the_next_one(ada):
    actions.issue_ticket(user=ada)
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    actions.issue_ticket(user=ada)
    assert Ticket.objects.count() == 1


def test_no_ticket_cleans_more_than_its_share(ada, monkeypatch):
    monkeypatch.setattr(actions, "CLEANED_AT_ONCE", 2)
    for _ in range(4):
        actions.issue_ticket(user=ada)
    Ticket.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    actions.issue_ticket(user=ada)
    assert Ticket.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_revoking_a_token_names_the_family_whose_sockets_end(monkeypatch):
    told = []
    monkeypatch.setattr("realtime.publish._send", lambda _, p: told.append(decode(p.payload)))
    user = get_user_model().objects.create_user("eve")
    first = tokens.issue(user)
    second = tokens.rotate(first.refresh)
    family = tokens.family_of(tokens.read_access(first.access))
    actions.revoke_token(refresh=second.refresh)
    (word,) = told
    assert word["notice"] == "end"
    assert word["people"][str(user.pk)]["ground"] == fingerprint(f"token:{family}")
    with pytest.raises(tokens.TokenRefused):
        actions.revoke_token(refresh=second.refresh)
    assert len(told) == 1
