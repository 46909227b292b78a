"""Every endpoint of rooms refuses what it should, in the same words."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from chat.models import Event
from tests.api import BODIES, EVENTS, MESSAGES, ROOMS, as_user, code
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

ENDPOINTS = [
    ("get", ROOMS),
    ("post", ROOMS),
    ("get", "/api/rooms/{}/"),
    ("patch", "/api/rooms/{}/"),
    ("post", "/api/rooms/{}/join/"),
    ("post", "/api/rooms/{}/leave/"),
    ("get", "/api/rooms/{}/events/"),
    ("get", "/api/rooms/{}/members/"),
    ("post", "/api/rooms/{}/members/"),
    ("delete", "/api/rooms/{}/members/"),
    ("post", "/api/rooms/{}/messages/"),
]
OF_A_ROOM = [(method, path) for method, path in ENDPOINTS if path != ROOMS]


def call(user: Any, method: str, path: str, slug: str = "open") -> Any:
    return getattr(as_user(user), method)(path.format(slug), BODIES.get(path, {}))


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


@pytest.mark.parametrize(
    ("method", "path", "field", "value"),
    [
        ("post", MESSAGES, "text", "x" * 8001),
        ("post", MESSAGES, "client_id", "x" * 65),
        ("post", ROOMS, "name", "x" * 51),
        ("post", ROOMS, "topic", "x" * 251),
        ("patch", "/api/rooms/open/", "name", "x" * 51),
        ("post", "/api/guest/", "name", "x" * 51),
    ],
)
def test_what_is_too_long_is_told_so_as_on_the_sockets(
    cast: Cast, method: str, path: str, field: str, value: str
) -> None:
    body = {"text": "hi", "client_id": "c", "name": "New"} | {field: value}
    answer = getattr(as_user(cast.owner), method)(path, body)
    assert code(answer) == (400, "too_long")
    assert answer.json()["fields"].keys() == {field}
    both = getattr(as_user(cast.owner), method)(path, body | {"text": 5, "name": 5})
    assert code(both) == (400, "bad_frame")
