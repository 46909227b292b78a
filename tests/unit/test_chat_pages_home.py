"""The front page asks strangers for a name, and sends nobody to another site."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import Profile
from chat.models import Room
from tests.cast import Cast
from tests.pages import CREATE, HOME, ROOM, as_user, html, room_data, say

pytestmark = pytest.mark.django_db(transaction=True)


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
