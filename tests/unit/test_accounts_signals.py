"""Endings made where none of our code is called: by Django, allauth, the admin, commands."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.contrib.auth import authenticate, get_user_model, logout
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.signals import user_logged_out
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import signals
from accounts.models import Profile
from accounts.standing import session_ground
from realtime.credentials import fingerprint
from tests.cast import make_user

pytestmark = pytest.mark.django_db(transaction=True)

User = get_user_model()
ADMIN = "/admin/accounts/user/"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The notices to people."""
    words: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "realtime.publish._send",
        lambda _, packet: words.append(msgspec.json.decode(packet.payload)),
    )
    return words


@pytest.fixture
def ada() -> Any:
    return make_user("ada")


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="pass"))
    return client


def recheck(user_id: Any) -> dict[str, Any]:
    return {"notice": "recheck", "people": {str(user_id): None}}


def set_password(user: Any) -> None:
    form = SetPasswordForm(user, {"new_password1": "k4-Lumen-31", "new_password2": "k4-Lumen-31"})
    assert form.is_valid(), form.errors
    form.save()


def change_password(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda **_: "k4-Lumen-31")
    call_command("changepassword", user.username)


def save_in_admin(user: Any, admin: Client) -> None:
    answer = admin.post(
        f"{ADMIN}{user.pk}/change/",
        {
            "username": user.username,
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
            "profile-TOTAL_FORMS": "0",
            "profile-INITIAL_FORMS": "0",
        },
    )
    assert answer.status_code == 302, answer.context["errors"]
    user.refresh_from_db()
    assert not user.is_active


@pytest.mark.parametrize("way", ["form", "command", "admin"])
def test_a_saved_password_or_account_is_looked_at(
    way: str,
    ada: Any,
    admin: Client,
    told: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ways: dict[str, Callable[[], None]] = {
        "form": lambda: set_password(ada),
        "command": lambda: change_password(ada, monkeypatch),
        "admin": lambda: save_in_admin(ada, admin),
    }
    ways[way]()
    assert recheck(ada.pk) in told


@pytest.mark.parametrize("way", ["one", "many"])
def test_a_deleted_user_is_looked_at(
    way: str, ada: Any, admin: Client, told: list[dict[str, Any]]
) -> None:
    key = ada.pk
    if way == "one":
        admin.post(f"{ADMIN}{key}/delete/", {"post": "yes"})
    else:
        admin.post(ADMIN, {"action": "delete_selected", "_selected_action": [key], "post": "yes"})
    assert not User.objects.filter(pk=key).exists()
    assert recheck(key) in told


def test_nobody_is_looked_at_for_signing_in_signing_up_or_a_new_name(
    told: list[dict[str, Any]],
) -> None:
    user = make_user("new")
    Client().post("/accounts/login/", {"login": "new", "password": "pass"})
    Profile.objects.update(display_name="Newer")
    user.first_name = "N"
    user.save(update_fields=["first_name"])
    user.refresh_from_db()
    assert user.last_login
    assert told == []


def test_nobody_hears_of_what_is_rolled_back(ada: Any, told: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        set_password(ada)
        transaction.set_rollback(True)
    assert told == []


@pytest.mark.parametrize("page", ["/accounts/logout/", "/admin/logout/"])
def test_logging_out_names_the_session_whose_sockets_end(
    page: str, ada: Any, told: list[dict[str, Any]]
) -> None:
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    client = Client()
    client.force_login(ada)
    key = client.session.session_key
    client.post(page)
    (word,) = told
    assert word["notice"] == "end"
    details = word["people"][str(ada.pk)]
    assert details["ground"] == fingerprint(session_ground(key))
    assert (details["close_code"], details["code"]) == (4401, "not_signed_in")


def test_signing_in_over_a_session_names_the_one_that_was_there(
    ada: Any, told: list[dict[str, Any]]
) -> None:
    guest = make_user("guest", guest=True)
    client = Client()
    client.force_login(guest)
    key = client.session.session_key
    assert client.post("/accounts/login/", {"login": "ada", "password": "pass"}).status_code == 302
    (word,) = told
    assert word["people"][str(guest.pk)]["ground"] == fingerprint(session_ground(key))


def test_sessions_that_expired_are_cleaned_up_without_a_word(
    ada: Any, told: list[dict[str, Any]]
) -> None:
    client = Client()
    client.force_login(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    call_command("clearsessions")
    assert not Session.objects.exists()
    assert told == []


def test_the_session_of_nobody_ends_nobody(client: Client, told: list[dict[str, Any]]) -> None:
    session = client.session
    session["cart"] = 1
    session.save()
    session.flush()
    assert told == []


@pytest.mark.parametrize("engine", ["cache", "file", "signed_cookies"])
def test_where_sessions_are_no_rows_logging_out_is_heard(
    ada: Any, told: list[dict[str, Any]], settings: Any, engine: str, tmp_path: Any
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    signals.connect()
    try:
        client = Client()
        client.force_login(ada)
        key = client.session.session_key
        client.post("/accounts/logout/")
    finally:
        user_logged_out.disconnect(signals.on_logout)
    (word,) = told
    assert word["people"][str(ada.pk)]["ground"] == fingerprint(session_ground(key))


def test_who_was_not_signed_in_does_not_sign_out(
    rf: Any, client: Client, told: list[dict[str, Any]]
) -> None:
    assert authenticate(username="nobody", password="x") is None
    request = rf.post("/")
    request.session = client.session
    logout(request)
    assert told == []
