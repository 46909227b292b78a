"""The pages of chat, as a browser asks for them."""

import json
import re
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.http import HttpResponse
from django.template import Engine, RequestContext
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import resolve

from accounts.models import Profile
from chat import actions
from chat.models import Event, Membership, Role, Room
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)

HOME = "/"
CREATE = "/chat/"
ROOM = "/chat/open/"


def as_user(user: Any, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def html(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def room_data(answer: Any) -> Any:
    found = re.search(
        r'<script id="room-data" type="application/json">(.*?)</script>', html(answer), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def say(room: Room, author: Any, text: str = "hi") -> None:
    number = str(Event.objects.count())
    actions.post_message(room=room, author=author, text=text, client_id=number)


# --- the front page ---


def test_a_stranger_is_asked_for_a_name_and_nothing_else(cast: Cast) -> None:
    answer = Client().get(HOME)
    assert answer.status_code == 200
    assert 'name="name"' in html(answer)
    assert "Private" not in html(answer)


def test_a_guest_types_a_name_and_is_in_a_room(cast: Cast) -> None:
    client = Client()
    answer = client.post(HOME, {"name": "  Zoë "})
    assert (answer.status_code, answer["Location"]) == (302, ROOM)
    profile = Profile.objects.get(display_name="Zoë")
    assert profile.guest
    assert cast.open_room.memberships.filter(user=profile.user).exists()
    assert room_data(client.get(ROOM))["you"] == {
        "id": str(profile.user_id),
        "name": "Zoë",
        "guest": True,
    }


def test_a_guest_where_no_room_is_open_lands_on_the_front_page(cast: Cast) -> None:
    Room.objects.update(open_to_guests=False)
    answer = Client().post(HOME, {"name": "Zoë"}, follow=True)
    assert answer.redirect_chain == [(HOME, 302)]
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["", "   ", "x" * 51, "a\u202eb", "a\nb", "a\0b", "\u200b"])
def test_a_name_that_is_none_is_explained_in_the_form(cast: Cast, name: str) -> None:
    people = Profile.objects.count()
    answer = Client().post(HOME, {"name": name})
    assert 'aria-invalid="true"' in html(answer)
    assert 'role="alert"' in html(answer)
    assert Profile.objects.count() == people


def test_what_was_typed_comes_back_as_text(cast: Cast) -> None:
    name = '"><script>alert(1)</script>' + "x" * 50
    assert "<script>alert" not in html(Client().post(HOME, {"name": name}))


def test_with_guests_off_nobody_comes_in_by_name(cast: Cast, settings: Any) -> None:
    settings.GUESTS = False
    people = Profile.objects.count()
    client = Client()
    assert 'name="name"' not in html(client.get(HOME))
    client.post(HOME, {"name": "Zoë"})
    assert Profile.objects.count() == people
    assert "_auth_user_id" not in client.session


def test_coming_in_needs_the_forms_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post(HOME, {"name": "Zoë"}).status_code == 403
    assert not Profile.objects.filter(display_name="Zoë").exists()


@pytest.mark.parametrize(
    ("who", "sees"),
    [
        ("member", ["Open", "Private", "Public"]),
        ("stranger", ["Open", "Public"]),
        ("guest", ["Open"]),
    ],
)
def test_whoever_is_signed_in_sees_the_rooms_they_may_read(
    cast: Cast, who: str, sees: list[str]
) -> None:
    answer = as_user(getattr(cast, who)).get(HOME)
    assert [room["name"] for room in answer.context["rooms"]] == sees


def test_guests_are_offered_no_form_for_rooms(cast: Cast) -> None:
    assert f'action="{CREATE}"' in html(as_user(cast.member).get(HOME))
    assert f'action="{CREATE}"' not in html(as_user(cast.guest).get(HOME))


def test_the_front_page_counts_what_is_unread(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    rooms = {room["slug"]: room for room in as_user(cast.member).get(HOME).context["rooms"]}
    assert (rooms["open"]["unread"], rooms["public"]["unread"]) == (1, 0)


def test_the_front_page_takes_no_other_method(cast: Cast) -> None:
    assert Client().put(HOME).status_code == 405
    assert Client().head(HOME).status_code == 200


# --- where to go next ---


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "/\\evil.example/",
        "\\\\evil.example/",
        "http:evil.example",
        "https:///evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " //evil.example/",
        "\t//evil.example/",
        "http://testserver@evil.example/",
        "http://testserver.evil.example/",
        "\x01//evil.example/",
    ],
)
def test_nobody_is_sent_to_another_site(cast: Cast, target: str) -> None:
    for answer in (
        Client().post(HOME, {"name": "Zoë", "next": target}),
        Client().post(f"{HOME}?next={target}", {"name": "Zoë"}),
    ):
        assert (answer.status_code, answer["Location"]) == (302, ROOM)
    assert as_user(cast.member).post(HOME, {"next": target})["Location"] == HOME


@pytest.mark.parametrize(
    "target",
    ["/chat/open/?x=1#y", "/é/", "http://testserver/chat/open/", "open", "chat:room", "a b"],
)
def test_a_place_on_this_site_is_where_one_lands(cast: Cast, target: str) -> None:
    for client in (Client(), as_user(cast.member)):
        answer = client.post(HOME, {"name": "Zoë", "next": target})
        assert answer.status_code == 302
        assert "evil" not in answer["Location"]


def test_whoever_followed_a_link_to_a_room_lands_there(cast: Cast) -> None:
    client = Client()
    answer = client.get(ROOM)
    assert (answer.status_code, answer["Location"]) == (302, "/?next=%2Fchat%2Fopen%2F")
    assert 'name="next" value="/chat/open/"' in html(client.get(answer["Location"]))
    assert client.post(HOME, {"name": "Zoë", "next": ROOM})["Location"] == ROOM


# --- making a room ---


def test_a_room_is_made_and_opened(cast: Cast) -> None:
    answer = as_user(cast.stranger).post(
        CREATE, {"name": "New room", "topic": "t", "open_to_guests": "on"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/chat/new-room/")
    room = Room.objects.get(slug="new-room")
    assert (room.topic, room.visibility, room.open_to_guests) == ("t", "public", True)
    assert room.memberships.get().role == Role.OWNER


def test_guests_make_no_rooms(cast: Cast) -> None:
    assert as_user(cast.guest).post(CREATE, {"name": "Mine"}).status_code == 403
    assert not Room.objects.filter(name="Mine").exists()


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "Open"}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 51}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "New", "topic": "x" * 251}, "topic"),
    ],
)
def test_what_is_wrong_with_a_room_is_said_in_its_form(
    cast: Cast, fields: dict[str, str], wrong: str
) -> None:
    count = Room.objects.count()
    answer = as_user(cast.owner).post(CREATE, fields)
    assert answer.status_code == 400
    assert answer.context["create_form"].errors.keys() == {wrong}
    assert "field__problem" in html(answer)
    assert Room.objects.count() == count


def test_a_room_is_made_by_post_by_those_who_are_signed_in_with_the_forms_token(
    cast: Cast,
) -> None:
    assert as_user(cast.owner).get(CREATE).status_code == 405
    answer = Client().post(CREATE, {"name": "New"})
    assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/accounts/login/")
    client = as_user(cast.owner, enforce_csrf_checks=True)
    assert client.post(CREATE, {"name": "New"}).status_code == 403
    assert not Room.objects.filter(name="New").exists()


# --- the room ---


@pytest.mark.parametrize(
    ("who", "slug", "status"),
    [
        ("member", "private", 200),
        ("stranger", "private", 404),
        ("staff", "private", 404),
        ("stranger", "public", 200),
        ("guest", "public", 404),
        ("guest", "open", 200),
        ("member", "nowhere", 404),
    ],
)
def test_who_sees_which_room(cast: Cast, who: str, slug: str, status: int) -> None:
    assert as_user(getattr(cast, who)).get(f"/chat/{slug}/").status_code == status


def without_tokens(text: str) -> str:
    return re.sub(r'(nonce|value|csrf-token)="[\w+/=-]{16,}"', "", text)


def test_a_hidden_room_looks_like_none(cast: Cast) -> None:
    client = as_user(cast.stranger)
    for method, path in [("get", ""), ("post", "join/"), ("post", "leave/")]:
        hidden = getattr(client, method)(f"/chat/private/{path}")
        missing = getattr(client, method)(f"/chat/missing/{path}")
        assert hidden.status_code == missing.status_code == 404
        assert without_tokens(html(hidden)) == without_tokens(html(missing))


def test_the_page_starts_from_the_frames_of_the_wire(cast: Cast) -> None:
    for text in ("<b>hi</b>", "</script><script>alert(1)</script>", "é😀\u2028"):
        say(cast.open_room, cast.owner, text)
    answer = as_user(cast.member).get(ROOM)
    data = room_data(answer)
    log = Event.objects.filter(room=cast.open_room).order_by("seq")
    assert data["events"] == [json.loads(event.payload) for event in log]
    assert data["seq"] == data["events"][-1]["seq"]
    assert data["has_more"] is False
    assert data["you"] == {"id": str(cast.member.pk), "name": "Member"}
    assert data["room"] == {"slug": "open", "name": "Open", "topic": "", "visibility": "public"}
    assert "<script>alert" not in html(answer)


def test_the_page_holds_the_newest_50_events(cast: Cast) -> None:
    for _ in range(60):
        say(cast.open_room, cast.owner)
    head = Room.objects.get(slug="open").head
    data = room_data(as_user(cast.member).get(ROOM))
    assert [event["seq"] for event in data["events"]] == list(range(head - 49, head + 1))
    assert data["has_more"] is True


def test_the_page_knows_how_far_a_member_has_read(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    head = Room.objects.get(slug="open").head
    actions.mark_read(room=cast.open_room, user=cast.member, seq=head)
    data = room_data(as_user(cast.member).get(ROOM))
    assert (data["member"], data["read_seq"]) == (True, head)
    data = room_data(as_user(cast.stranger).get(ROOM))
    assert (data["member"], data["read_seq"]) == (False, None)


@pytest.mark.parametrize(
    ("who", "joins", "leaves"), [("stranger", True, False), ("member", False, True)]
)
def test_the_page_offers_what_one_may_do(cast: Cast, who: str, joins: bool, leaves: bool) -> None:
    page = html(as_user(getattr(cast, who)).get(ROOM))
    assert ('action="/chat/open/join/"' in page) is joins
    assert ('action="/chat/open/leave/"' in page) is leaves


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


# --- joining and leaving ---


def test_one_joins_and_leaves_by_the_buttons(cast: Cast) -> None:
    client = as_user(cast.stranger)
    answer = client.post("/chat/open/join/")
    assert (answer.status_code, answer["Location"]) == (302, ROOM)
    assert Membership.objects.filter(user=cast.stranger).exists()
    answer = client.post("/chat/open/leave/")
    assert (answer.status_code, answer["Location"]) == (302, HOME)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == ["You left Open."]
    assert not Membership.objects.filter(user=cast.stranger).exists()


def test_a_private_room_is_joined_by_invitation(cast: Cast) -> None:
    assert as_user(cast.member).post("/chat/private/join/").status_code == 403


@pytest.mark.parametrize("path", ["/chat/open/join/", "/chat/open/leave/"])
def test_joining_and_leaving_need_post_a_sign_in_and_the_forms_token(cast: Cast, path: str) -> None:
    before = set(cast.open_room.memberships.values_list("user_id", flat=True))
    assert as_user(cast.member).get(path).status_code == 405
    assert Client().post(path).status_code == 302
    for user in (cast.member, cast.stranger):
        assert as_user(user, enforce_csrf_checks=True).post(path).status_code == 403
    assert set(cast.open_room.memberships.values_list("user_id", flat=True)) == before


def test_with_the_forms_token_one_joins(cast: Cast) -> None:
    client = as_user(cast.stranger, enforce_csrf_checks=True)
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', html(client.get(ROOM)))
    assert found
    answer = client.post("/chat/open/join/", {"csrfmiddlewaretoken": found[1]})
    assert answer.status_code == 302
    assert Membership.objects.filter(user=cast.stranger).exists()


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
