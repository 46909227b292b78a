"""Rooms over HTTP: each endpoint works, and refuses what it should."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from chat import actions
from chat.models import Event, Membership, Role, Room, Visibility
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

ROOMS = "/api/rooms/"
EVENTS = "/api/rooms/open/events/"
MESSAGES = "/api/rooms/open/messages/"
ENDPOINTS = [
    ("get", ROOMS),
    ("post", ROOMS),
    ("get", "/api/rooms/{}/"),
    ("patch", "/api/rooms/{}/"),
    ("post", "/api/rooms/{}/join/"),
    ("post", "/api/rooms/{}/leave/"),
    ("get", "/api/rooms/{}/events/"),
    ("post", "/api/rooms/{}/messages/"),
]
OF_A_ROOM = [(method, path) for method, path in ENDPOINTS if path != ROOMS]
BODIES = {"/api/rooms/{}/messages/": {"text": "hi", "client_id": "c"}}


def as_user(user: Any) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def call(user: Any, method: str, path: str, slug: str = "open") -> Any:
    return getattr(as_user(user), method)(path.format(slug), BODIES.get(path, {}))


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def log(room: Room) -> list[tuple[int, str]]:
    return list(Event.objects.filter(room=room).order_by("seq").values_list("seq", "kind"))


def fill(room: Room, count: int) -> None:
    """`count` more messages, without the cost of posting."""
    room.refresh_from_db()
    Event.objects.bulk_create(
        Event(
            room=room,
            seq=seq,
            kind="message",
            timestamp=room.created_at,
            payload=f'{{"type":"message","seq":{seq}}}',
        )
        for seq in range(room.head + 1, room.head + count + 1)
    )
    Room.objects.filter(pk=room.pk).update(head=room.head + count, message_count=count)


# --- every endpoint ---


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_who_is_not_signed_in_gets_401(cast: Cast, method: str, path: str) -> None:
    answer = getattr(APIClient(), method)(path.format("open"))
    assert code(answer) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("delete", ROOMS),
        ("put", ROOMS),
        ("post", "/api/rooms/open/"),
        ("delete", "/api/rooms/open/"),
        ("get", "/api/rooms/open/join/"),
        ("get", "/api/rooms/open/leave/"),
        ("post", EVENTS),
        ("get", MESSAGES),
    ],
)
def test_a_wrong_method_gets_405(cast: Cast, method: str, path: str) -> None:
    assert code(getattr(as_user(cast.owner), method)(path)) == (405, "unsupported")


@pytest.mark.parametrize(("method", "path"), OF_A_ROOM)
@pytest.mark.parametrize(("who", "slug"), [("stranger", "private"), ("guest", "public")])
def test_a_hidden_room_looks_like_none_to_the_byte(
    cast: Cast, who: str, slug: str, method: str, path: str
) -> None:
    user = getattr(cast, who)
    hidden, missing = call(user, method, path, slug), call(user, method, path, "nowhere")
    assert code(hidden) == (404, "not_found")
    assert hidden.content == missing.content
    assert dict(hidden.items()) == dict(missing.items())


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", ROOMS, {"name": ""}),
        ("patch", "/api/rooms/private/", {"name": ""}),
        ("post", "/api/rooms/private/messages/", {}),
        ("get", "/api/rooms/private/events/", {"limit": "x"}),
    ],
)
def test_what_one_may_not_do_is_refused_before_the_body_is_looked_at(
    cast: Cast, method: str, path: str, body: Any
) -> None:
    answer = getattr(as_user(cast.guest), method)(path, body)
    assert answer.status_code == (403 if path == ROOMS else 404)


@pytest.mark.parametrize("path", ["/api/rooms/a%00b/", "/api/rooms/a/b/c/", "/api/rooms/é/"])
def test_what_is_no_room_at_all_is_404_in_json(cast: Cast, path: str) -> None:
    assert code(as_user(cast.owner).get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"a","text":"b","client_id":"1"}',
        b'{"text":"a\\u0000b","client_id":"1"}',
        b'{"text":"a\\ud800b","client_id":"1"}',
        b'{"text":"a","client_id":"\\udfff"}',
        b'{"text":"a\xff","client_id":"1"}',
        b'{"text":"a","client_id":NaN}',
        b'{"text":"a","client_id":1e999}',
        b'{"text":"a","client_id":' + b"9" * 5000 + b"}",
        b"[" * 5000,
        b'["text"]',
        b'"text"',
        b"null",
        b"{",
        b"",
    ],
)
@pytest.mark.parametrize("path", [MESSAGES, ROOMS])
def test_a_body_that_is_no_strict_json_object_gets_400(cast: Cast, path: str, body: bytes) -> None:
    before = Event.objects.count()
    answer = as_user(cast.owner).generic("POST", path, body, content_type="application/json")
    assert code(answer) == (400, "bad_frame")
    assert Event.objects.count() == before


def test_a_body_of_more_than_1_mib_gets_413(cast: Cast) -> None:
    body = {"text": "x" * 1024 * 1024, "client_id": "1"}
    assert code(as_user(cast.owner).post(MESSAGES, body)) == (413, "too_long")


def test_a_form_is_no_json(cast: Cast) -> None:
    answer = as_user(cast.owner).post(MESSAGES, "text=hi", content_type="text/plain")
    assert code(answer) == (415, "unsupported")


def test_a_session_needs_its_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.owner, backend="django.contrib.auth.backends.ModelBackend")
    body = {"text": "hi", "client_id": "c"}
    assert code(client.post(MESSAGES, body, content_type="application/json")) == (403, "forbidden")
    client.get("/")
    token = client.cookies["csrftoken"].value
    answer = client.post(
        MESSAGES, body, content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert answer.status_code == 201


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


# --- making and changing ---


def test_a_room_is_made_and_is_ones_own(cast: Cast) -> None:
    body = {"name": " New room ", "topic": "t", "visibility": "private", "open_to_guests": False}
    answer = as_user(cast.stranger).post(ROOMS, body)
    assert answer.status_code == 201
    assert answer.json() == body | {"name": "New room", "slug": "new-room", "seq": 1, "unread": 0}
    room = Room.objects.get(slug="new-room")
    assert room.memberships.get().user == cast.stranger
    assert room.memberships.get().role == Role.OWNER


def test_guests_make_no_rooms(cast: Cast) -> None:
    assert code(as_user(cast.guest).post(ROOMS, {"name": "Mine"})) == (403, "forbidden")
    assert not Room.objects.filter(name="Mine").exists()


def test_a_name_that_is_taken_is_a_conflict(cast: Cast) -> None:
    assert code(as_user(cast.owner).post(ROOMS, {"name": "open"})) == (409, "conflict")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "  "),
        ("name", None),
        ("name", 5),
        ("name", ["x"]),
        ("name", {"x": 1}),
        ("name", "x" * 51),
        ("name", "a\nb"),
        ("name", "a\u202eb"),
        ("topic", "x" * 251),
        ("topic", None),
        ("topic", 5),
        ("visibility", "direct"),
        ("visibility", "secret"),
        ("visibility", None),
        ("open_to_guests", "perhaps"),
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


def test_a_change_of_nothing_is_no_event(cast: Cast) -> None:
    before = log(cast.open_room)
    assert as_user(cast.owner).patch("/api/rooms/open/", {}).status_code == 200
    assert as_user(cast.owner).patch("/api/rooms/open/", {"name": "Open"}).status_code == 200
    assert log(cast.open_room) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", None), ("name", 5), ("name", "x" * 51), ("topic", "x" * 251),
     ("topic", [])],
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


# --- messages ---


def test_a_message_is_posted_once_however_often_it_is_sent(cast: Cast) -> None:
    first = as_user(cast.stranger).post(MESSAGES, {"text": "one", "client_id": "c"})
    again = as_user(cast.stranger).post(MESSAGES, {"text": "two", "client_id": "c"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json().keys() == {"client_id", "seq", "timestamp"}
    event = Event.objects.get(kind="message")
    assert (event.seq, event.author) == (first.json()["seq"], cast.stranger)
    page = as_user(cast.member).get(EVENTS).json()
    assert page["results"][-1]["text"] == "one"
    assert page["results"][-1]["timestamp"] == first.json()["timestamp"]


def test_a_guest_posts_where_guests_may_be(cast: Cast) -> None:
    answer = as_user(cast.guest).post(MESSAGES, {"text": "hi", "client_id": "c"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("text", " \n "),
        ("text", None),
        ("text", 5),
        ("text", True),
        ("text", ["x"]),
        ("text", "x" * 8001),
        ("client_id", ""),
        ("client_id", None),
        ("client_id", 5),
        ("client_id", "x" * 65),
    ],
)
def test_a_malformed_message_gets_400_with_the_field(cast: Cast, field: str, value: Any) -> None:
    answer = as_user(cast.owner).post(MESSAGES, {"text": "hi", "client_id": "c"} | {field: value})
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == {field}
    assert not Event.objects.filter(kind="message").exists()


def test_what_is_missing_from_a_message_is_named(cast: Cast) -> None:
    answer = as_user(cast.owner).post(MESSAGES, {})
    assert answer.json()["fields"].keys() == {"text", "client_id"}


def test_a_message_of_8000_characters_is_taken_to_the_letter(cast: Cast) -> None:
    text = " " + "😀" * 7998 + " "
    as_user(cast.owner).post(MESSAGES, {"text": text, "client_id": "c"})
    assert as_user(cast.owner).get(EVENTS).json()["results"][-1]["text"] == text


def test_nobody_posts_in_anothers_name(cast: Cast) -> None:
    body = {"text": "hi", "client_id": "c", "author": cast.owner.pk, "from": {"id": "1"}}
    as_user(cast.stranger).post(MESSAGES, body)
    assert Event.objects.get(kind="message").author == cast.stranger


def test_a_room_that_goes_while_one_posts_is_404(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.api._room", lambda *_: Room(pk=0, visibility=Visibility.PUBLIC))
    answer = as_user(cast.owner).post(MESSAGES, {"text": "hi", "client_id": "c"})
    assert code(answer) == (404, "not_found")


# --- the log ---


def page(user: Any, **query: Any) -> tuple[list[int], dict[str, Any]]:
    answer = as_user(user).get(EVENTS, query)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    return [event["seq"] for event in body["results"]], body


def test_the_log_starts_with_its_newest_page(cast: Cast) -> None:
    fill(cast.open_room, 98)
    seqs, body = page(cast.guest)
    assert seqs == list(range(51, 101))
    assert body["next"] is None
    assert page(cast.guest, limit=200)[0] == list(range(1, 101))


def test_links_lead_to_the_beginning_and_back_without_gap_or_repeat(cast: Cast) -> None:
    fill(cast.open_room, 23)
    client = as_user(cast.member)

    def walk(first: str, direction: str) -> list[list[int]]:
        pages, link = [], first
        while link:
            body = client.get(link).json()
            pages.append([event["seq"] for event in body["results"]])
            link = body[direction]
        return pages

    back = walk(f"{EVENTS}?limit=10", "previous")
    assert back == [list(range(16, 26)), list(range(6, 16)), list(range(1, 6))]
    forth = walk(f"{EVENTS}?after=0&limit=10", "next")
    assert forth == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_a_link_is_given_only_where_there_is_something(cast: Cast) -> None:
    fill(cast.open_room, 8)

    def links(**query: Any) -> tuple[bool, bool]:
        _, body = page(cast.member, **query)
        return body["previous"] is not None, body["next"] is not None

    assert links() == (False, False)
    assert links(limit=10) == (False, False)
    assert links(limit=9) == (True, False)
    assert links(before=6, limit=5) == (False, True)
    assert links(before=8, limit=2) == (True, True)
    assert links(after=0, limit=5) == (False, True)
    assert links(after=5, limit=5) == (True, False)


def test_links_are_whole_addresses_that_keep_the_limit(cast: Cast) -> None:
    fill(cast.open_room, 8)
    _, body = page(cast.member, before=8, limit=2)
    link = urlsplit(body["previous"])
    assert (link.scheme, link.netloc, link.path) == ("http", "testserver", EVENTS)
    assert parse_qs(link.query) == {"before": ["6"], "limit": ["2"]}


@pytest.mark.parametrize(
    "query", [{"after": 10**6}, {"before": 0}, {"before": 1}, {"after": 2**53}]
)
def test_beyond_either_end_there_is_nothing(cast: Cast, query: dict[str, int]) -> None:
    seqs, body = page(cast.member, **query)
    assert (seqs, body["next"], body["previous"]) == ([], None, None)


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": -1},
        {"after": "1.5"},
        {"after": 2**80},
        {"before": "x"},
        {"before": -1},
        {"before": 2**80},
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"limit": -5},
    ],
)
def test_a_malformed_query_gets_400_with_the_field(cast: Cast, query: dict[str, Any]) -> None:
    answer = as_user(cast.member).get(EVENTS, query)
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == query.keys()


def test_one_asks_in_one_direction(cast: Cast) -> None:
    assert code(as_user(cast.member).get(EVENTS, {"after": 1, "before": 5})) == (400, "bad_frame")


def test_a_page_costs_the_same_however_long_the_log(cast: Cast) -> None:
    client = as_user(cast.member)
    with CaptureQueriesContext(connection) as short:
        client.get(EVENTS)
    fill(cast.open_room, 300)
    with CaptureQueriesContext(connection) as long:
        client.get(EVENTS, {"limit": 200})
    assert len(long) == len(short)
