"""Rooms over HTTP are listed, made, changed, joined and left by those who may."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat import access, actions
from chat.models import Membership, Role, Room
from tests.api import BODIES, ROOMS, as_user, code
from tests.cast import Cast
from tests.rooms import log

pytestmark = pytest.mark.django_db(transaction=True)


# --- the list ---


def slugs(answer: Any) -> list[str]:
    return [room["slug"] for room in answer.json()["results"]]


@pytest.mark.parametrize(
    ("who", "rooms"),
    [
        ("member", ["open", "private", "public"]),
        ("stranger", ["open", "public"]),
        ("staff", ["open", "public"]),
        ("guest", ["open"]),
    ],
)
def test_the_list_shows_what_one_may_read(cast: Cast, who: str, rooms: list[str]) -> None:
    answer = as_user(getattr(cast, who)).get(ROOMS)
    assert answer.status_code == 200
    assert slugs(answer) == rooms


def test_a_room_is_told_with_its_head_and_what_is_unread(cast: Cast) -> None:
    receipt = actions.post_message(room=cast.open_room, author=cast.owner, text="a", client_id="1")
    room = as_user(cast.member).get(ROOMS).json()["results"][0]
    assert room == {
        "slug": "open",
        "name": "Open",
        "topic": "",
        "visibility": "public",
        "open_to_guests": True,
        "seq": receipt.seq,
        "unread": 1,
    }
    assert as_user(cast.member).get("/api/rooms/open/").json() == room
    assert as_user(cast.stranger).get("/api/rooms/open/").json() == room | {"unread": 0}


def test_pages_of_rooms_lead_to_the_end_and_back(cast: Cast) -> None:
    Room.objects.bulk_create(Room(slug=f"r{n}", name="Same name") for n in range(115))
    client = as_user(cast.stranger)
    pages = [client.get(ROOMS)]
    while following := pages[-1].json()["next"]:
        pages.append(client.get(following))
    seen = [slug for page in pages for slug in slugs(page)]
    assert [len(slugs(page)) for page in pages] == [50, 50, 17]
    assert len(set(seen)) == 117
    assert slugs(client.get(pages[1].json()["previous"])) == slugs(pages[0])
    assert pages[0].json()["previous"] is None


@pytest.mark.parametrize("cursor", ["x", "%00", "cD0=", "cD0lMDA="])
def test_a_cursor_of_ones_own_making_breaks_nothing(cast: Cast, cursor: str) -> None:
    assert as_user(cast.owner).get(f"{ROOMS}?cursor={cursor}").status_code in {200, 404}


def test_the_list_costs_the_same_however_many_rooms_and_members(cast: Cast) -> None:
    client = as_user(cast.member)
    with CaptureQueriesContext(connection) as few:
        client.get(ROOMS)
    for number in range(10):
        room = actions.create_room(by=cast.owner, name=f"Room {number}")
        actions.join_room(room=room, user=cast.member)
    with CaptureQueriesContext(connection) as many:
        client.get(ROOMS)
    assert len(many) == len(few)


def test_a_direct_room_is_read_and_not_made(cast: Cast) -> None:
    room = Room.objects.create(slug="dm", name="DM", visibility="direct")
    Membership.objects.create(room=room, user=cast.member)
    client = as_user(cast.member)
    assert client.get("/api/rooms/dm/").json()["visibility"] == "direct"
    assert client.patch("/api/rooms/dm/", {"topic": "x"}).status_code == 403
    assert client.get("/api/rooms/dm/events/").status_code == 200
    assert code(client.post(ROOMS, {"name": "N", "visibility": "direct"})) == (400, "bad_frame")


# --- making and changing ---


def test_a_room_is_made_and_is_ones_own(cast: Cast) -> None:
    body = {"name": " New room ", "topic": "t", "visibility": "private", "open_to_guests": False}
    answer = as_user(cast.stranger).post(ROOMS, body)
    assert answer.status_code == 201
    slug = answer.json()["slug"]
    assert answer.json() == body | {"name": "New room", "slug": slug, "seq": 1, "unread": 0}
    room = Room.objects.get(slug=slug)
    assert room.memberships.get().user == cast.stranger
    assert room.memberships.get().role == Role.OWNER


def test_guests_make_no_rooms(cast: Cast) -> None:
    assert code(as_user(cast.guest).post(ROOMS, {"name": "Mine"})) == (403, "forbidden")
    assert not Room.objects.filter(name="Mine").exists()


def test_a_name_that_is_taken_is_a_conflict(cast: Cast) -> None:
    assert code(as_user(cast.owner).post(ROOMS, {"name": "open"})) == (409, "conflict")


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_whether_a_private_room_has_a_name_is_not_found_out_by_taking_it(
    cast: Cast, visibility: str
) -> None:
    actions.create_room(by=cast.owner, name="Takeover", visibility="private")
    made = [
        as_user(cast.stranger).post(ROOMS, {"name": name, "visibility": visibility})
        for name in ("Takeover", "Makeover")
    ]
    assert [answer.status_code for answer in made] == [201, 201]
    hidden, unused = (answer.json() for answer in made)
    # Beside the name, and the address that begins with it, they are the same.
    ends = {hidden.pop("slug").partition("takeover"), unused.pop("slug").partition("makeover")}
    assert {(before, len(end)) for before, _, end in ends} == {
        ("", 0 if visibility == "public" else 9)
    }
    assert {**hidden, "name": "Makeover"} == unused


@pytest.mark.parametrize(("who", "name"), [("stranger", "Private"), ("banned", "Open")])
def test_a_room_that_hides_where_its_name_leads_does_not_keep_the_name(
    cast: Cast, who: str, name: str
) -> None:
    answer = as_user(getattr(cast, who)).post(ROOMS, {"name": name})
    assert answer.status_code == 201
    assert answer.json()["slug"].startswith(f"{name.lower()}-")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", None),
        ("name", 5),
        ("name", ["x"]),
        ("name", {"x": 1}),
        ("name", "a\nb"),
        ("name", "a\u202eb"),
        ("topic", None),
        ("topic", 5),
        ("visibility", "direct"),
        ("visibility", "secret"),
        ("visibility", None),
        ("open_to_guests", "perhaps"),
        ("open_to_guests", "yes"),
        ("open_to_guests", 1),
        ("open_to_guests", None),
    ],
)
def test_a_malformed_room_gets_400_with_the_field(cast: Cast, field: str, value: Any) -> None:
    answer = as_user(cast.owner).post(ROOMS, {"name": "New", field: value})
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == {field}
    assert not Room.objects.filter(slug="new").exists()


def test_a_room_without_a_name_is_told_so(cast: Cast) -> None:
    assert as_user(cast.owner).post(ROOMS, {}).json()["fields"].keys() == {"name"}


def test_what_a_room_counts_and_is_called_in_addresses_is_not_for_the_client(cast: Cast) -> None:
    body = {"name": "New", "slug": "x", "seq": 100, "unread": 9, "head": 50}
    room = as_user(cast.owner).post(ROOMS, body).json()
    assert (room["slug"], room["seq"], room["unread"]) == ("new", 1, 0)


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("staff", 200), ("member", 403), ("stranger", 403),
                        ("guest", 403)]
)  # fmt: skip
def test_those_who_keep_a_room_change_it(cast: Cast, who: str, status: int) -> None:
    answer = as_user(getattr(cast, who)).patch("/api/rooms/open/", {"topic": "New"})
    assert answer.status_code == status
    cast.open_room.refresh_from_db()
    assert cast.open_room.topic == ("New" if status == 200 else "")


def test_a_moderator_changes_a_room(cast: Cast) -> None:
    Membership.objects.filter(user=cast.member).update(role=Role.MODERATOR)
    answer = as_user(cast.member).patch("/api/rooms/private/", {"name": "New"})
    assert (answer.json()["name"], answer.json()["slug"]) == ("New", "private")
    assert log(cast.private_room)[-1][1] == "room"


def test_a_change_of_the_topic_keeps_the_name_that_another_gives_meanwhile(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = access.room_for

    def overtaken(user: Any, slug: str) -> Room:
        room = look(user, slug)
        actions.change_room(room=room, by=cast.owner, name="Renamed")
        return room

    monkeypatch.setattr(access, "room_for", overtaken)
    answer = as_user(cast.owner).patch("/api/rooms/open/", {"topic": "Tea"})
    assert (answer.json()["name"], answer.json()["topic"]) == ("Renamed", "Tea")


def test_a_change_of_nothing_is_no_event(cast: Cast) -> None:
    before = log(cast.open_room)
    assert as_user(cast.owner).patch("/api/rooms/open/", {}).status_code == 200
    assert as_user(cast.owner).patch("/api/rooms/open/", {"name": "Open"}).status_code == 200
    assert log(cast.open_room) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", None), ("name", 5), ("topic", 5), ("topic", [])],
)  # fmt: skip
def test_a_malformed_change_gets_400_with_the_field(cast: Cast, field: str, value: Any) -> None:
    answer = as_user(cast.owner).patch("/api/rooms/open/", {field: value})
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == {field}


# --- members ---


def test_one_joins_and_leaves_as_often_as_one_likes(cast: Cast) -> None:
    client = as_user(cast.guest)
    for _ in range(2):
        answer = client.post("/api/rooms/open/join/")
        assert (answer.status_code, answer.json()["slug"]) == (200, "open")
    assert Membership.objects.get(room=cast.open_room, user=cast.guest).role == Role.MEMBER
    for _ in range(2):
        assert client.post("/api/rooms/open/leave/").status_code == 204
    assert not Membership.objects.filter(user=cast.guest).exists()
    assert [kind for _, kind in log(cast.open_room)].count("member") == 4


def test_a_private_room_is_joined_by_invitation(cast: Cast) -> None:
    Membership.objects.create(room=cast.private_room, user=cast.stranger)
    assert code(as_user(cast.stranger).post("/api/rooms/private/join/")) == (403, "forbidden")


def test_whoever_left_a_private_room_does_not_find_it_any_more(cast: Cast) -> None:
    client = as_user(cast.member)
    assert client.post("/api/rooms/private/leave/").status_code == 204
    assert client.get("/api/rooms/private/").status_code == 404
    assert (
        client.post("/api/rooms/private/messages/", BODIES["/api/rooms/{}/messages/"]).status_code
        == 404
    )
