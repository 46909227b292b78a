"""Whatever page of chat it is: no script of others, and no query more for more people."""

import re

import pytest
from django.db import connection
from django.http import HttpResponse
from django.template import Engine, RequestContext
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from accounts.models import Profile
from chat import actions
from chat.models import Room
from tests.cast import Cast, make_user
from tests.pages import HOME, ROOM, as_user, html, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_hostile_name_is_text_on_every_page(cast: Cast) -> None:
    name = "<img src=x onerror=alert(1)>"
    actions.create_room(by=cast.owner, name=name, topic=name)
    Profile.objects.filter(user=cast.owner).update(display_name=name)
    slug = Room.objects.get(name=name).slug
    for path in (HOME, f"/chat/{slug}/"):
        page = html(as_user(cast.owner).get(path))
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize("path", [HOME, ROOM])
def test_a_page_costs_the_same_however_many_messages_members_and_rooms(
    cast: Cast, path: str
) -> None:
    client = as_user(cast.member)
    few = queries(client, path)
    for number in range(15):
        user = make_user(f"user{number}")
        actions.join_room(room=cast.open_room, user=user)
        say(cast.open_room, user)
        actions.create_room(by=user, name=f"Room {number}")
    assert queries(client, path) == few


# --- what the browser is told ---


@pytest.mark.parametrize("path", [HOME, ROOM, "/chat/nowhere/"])
def test_no_page_runs_what_is_not_the_sites_own(cast: Cast, path: str) -> None:
    answer = as_user(cast.member).get(path)
    policy = {
        name: values
        for part in answer["Content-Security-Policy"].split(";")
        for name, *values in [part.split()]
    }
    assert policy["default-src"] == ["'none'"]
    assert policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]
    assert policy["form-action"] == ["'self'"]
    for directive in policy.values():
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:", "http:"} & set(directive)
    page = html(answer)
    assert not re.search(r"\son\w+=|javascript:|\sstyle=|<style", page)
    for tag in re.findall(r"<script[^>]*>", page):
        assert "src=" in tag or 'type="application/json"' in tag
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"


def test_all_of_a_pages_script_and_style_is_in_files(cast: Cast) -> None:
    """So the policy needs no exception; a nonce would be added only where a template asks."""
    policy = as_user(cast.member).get(ROOM)["Content-Security-Policy"]
    assert "script-src 'self';" in policy + ";"
    assert "style-src 'self';" in policy + ";"


def test_a_nonce_is_given_where_a_template_asks_and_never_twice(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = Engine.get_default().from_string("{{ CSP_NONCE }}")
    monkeypatch.setattr(
        "chat.pages.render",
        lambda request, *_, **__: HttpResponse(asking.render(RequestContext(request))),
    )
    nonces = set()
    for _ in range(3):
        answer = Client().get(HOME)
        assert f"'nonce-{html(answer)}'" in answer["Content-Security-Policy"]
        nonces.add(html(answer))
    assert len(nonces) == 3
    assert min(map(len, nonces)) >= 16


def test_the_addresses_are_what_the_manual_says() -> None:
    assert resolve("/").view_name == "home"
    assert resolve("/chat/a-b_1/").view_name == "chat:room"
