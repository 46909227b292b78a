from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.safestring import mark_safe

from notifications import actions
from notifications.models import Notification
from tests.cast import make_user

pytestmark = pytest.mark.django_db

INBOX = "/notifications/"
ADMIN = "/admin/notifications/notification/"


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


def as_user(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def notify(to: Any) -> Notification:
    return actions.notify(to=to, kind="generic", title="Title", message="Message")[0]


def test_who_is_signed_in_has_an_inbox_page(anna: Any) -> None:
    answer = as_user(anna).get(INBOX)
    assert answer.status_code == 200
    assert "notifications/inbox.html" in [template.name for template in answer.templates]


def test_a_stranger_is_asked_to_sign_in() -> None:
    answer = Client().get(INBOX)
    assert answer.status_code == 302
    assert answer["Location"].endswith(f"?next={INBOX}")


def test_the_inbox_is_only_looked_at(anna: Any) -> None:
    assert as_user(anna).post(INBOX).status_code == 405


# --- the bell ---


def bell(user: Any) -> str:
    request = RequestFactory().get("/")
    request.user = user
    template = Template("{% load notifications %}{% notification_bell %}")
    return template.render(Context({"request": request}))


def test_the_bell_is_given_the_unread_count(anna: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[Any] = []
    monkeypatch.setattr(
        "notifications.templatetags.notifications.render_to_string",
        lambda *args: rendered.append(args) or mark_safe("<bell>"),
    )
    notify(anna)
    assert bell(anna) == "<bell>"
    name, context, request = rendered[0]
    assert name == "notifications/_bell.html"
    assert context == {"unread": 1, "request": request}


def test_who_is_not_signed_in_has_no_bell() -> None:
    assert bell(AnonymousUser()) == ""


def test_a_page_without_a_request_has_no_bell() -> None:
    template = Template("{% load notifications %}{% notification_bell %}")
    assert template.render(Context({})) == ""


# --- the admin ---


@pytest.fixture
def admin() -> Client:
    return as_user(make_user("admin", is_staff=True, is_superuser=True))


def test_in_the_admin_notifications_are_only_looked_at(admin: Client, anna: Any) -> None:
    made = notify(anna)
    assert admin.get(ADMIN, {"q": "Title"}).status_code == 200
    assert admin.get(f"{ADMIN}{made.pk}/change/").status_code == 200
    assert admin.post(f"{ADMIN}{made.pk}/change/", {"title": "x"}).status_code == 403
    assert admin.get(f"{ADMIN}add/").status_code == 403
    assert admin.post(f"{ADMIN}{made.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Notification.objects.get().title == "Title"


def test_a_person_who_is_deleted_takes_their_notifications_along(admin: Client, anna: Any) -> None:
    notify(anna)
    path = reverse("admin:accounts_user_delete", args=[anna.pk])
    assert admin.post(path, {"post": "yes"}).status_code == 302
    assert not Notification.objects.exists()
