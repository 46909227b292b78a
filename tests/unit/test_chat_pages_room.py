"""A room's page is made, opened, joined and left by those who may."""

import json
import re

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from chat.models import Event, Membership, Role, Room
from tests.cast import Cast
from tests.pages import CREATE, HOME, ROOM, as_user, html, room_data, say
from tests.rooms import mark_read

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_a_room_is_made_though_a_hidden_one_has_its_name(cast: Cast) -> None:
    answer = as_user(cast.stranger).post(CREATE, {"name": "Private"})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/chat/private-")


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
    mark_read(room=cast.open_room, user=cast.member, seq=head)
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
