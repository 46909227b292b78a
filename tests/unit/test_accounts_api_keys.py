"""API keys: what each opens, and what none opens."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from accounts import api_keys, tokens
from accounts.models import ApiKey, Ticket
from accounts.scopes import Scope
from notifications.models import Notification
from orders.models import Order
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db

ALL = [scope.value for scope in Scope]

# Every call of the API that asks who one is: method, path, body, the scope with which a key may,
# and the status then.
CALLS: dict[str, tuple[str, str, dict[str, Any], str | None, int]] = {
    "a ticket": ("post", "ws-ticket/", {}, "any", 201),
    "rooms": ("get", "rooms/", {}, "rooms:read", 200),
    "a room": ("get", "rooms/open/", {}, "rooms:read", 200),
    "events": ("get", "rooms/open/events/", {}, "rooms:read", 200),
    "a message": (
        "post",
        "rooms/open/messages/",
        {"text": "a", "client_id": "1"},
        "rooms:post",
        201,
    ),
    "a notification": (
        "post",
        "notifications/",
        {"to": ["{member}"], "kind": "generic", "title": "T", "message": "M", "action_url": "/"},
        "notifications:send",
        201,
    ),
    "orders": ("get", "orders/", {}, "orders:write", 200),
    "an order": ("post", "orders/", {"user": "{member}", "reference": "R"}, "orders:write", 201),
    "a shipment": ("post", "orders/{order}/ship/", {}, "orders:write", 200),
    "a publication": ("post", "topics/prices/", {"data": 1}, "topics:publish", 200),
    "members": ("get", "rooms/open/members/", {}, None, 403),
    "adding": ("post", "rooms/open/members/", {"user": "{member}"}, None, 403),
    "putting out": ("delete", "rooms/open/members/", {"user": "{member}"}, None, 403),
    "a new room": ("post", "rooms/", {"name": "N"}, None, 403),
    "a room's name": ("patch", "rooms/open/", {"name": "N"}, None, 403),
    "joining": ("post", "rooms/open/join/", {}, None, 403),
    "leaving": ("post", "rooms/open/leave/", {}, None, 403),
    "one's notifications": ("get", "notifications/", {}, None, 403),
    "reading": ("patch", "notifications/{notification}/", {"read": True}, None, 403),
    "reading all": ("post", "notifications/read-all/", {}, None, 403),
}
SCOPED = [name for name, call in CALLS.items() if call[3]]


@pytest.fixture
def call(cast: Cast) -> Any:
    """Make a call of the table with these headers."""
    order = Order.objects.create(user=cast.member, reference="A")

    def one(name: str, key: str | None, **headers: str) -> Any:
        method, path, body, _, _ = CALLS[name]
        known = {"member": cast.member.pk, "order": order.pk, "notification": "0"}

        def filled(value: Any) -> Any:
            if isinstance(value, list):
                return [filled(item) for item in value]
            return value.format(**known) if isinstance(value, str) else value

        given = {field: filled(value) for field, value in body.items()}
        if key is not None:
            headers["X-API-Key"] = key
        options = {"headers": headers}
        if method != "get":
            options["data"] = given  # type: ignore[assignment]
        return getattr(APIClient(), method)(f"/api/{path.format(**known)}", **options)

    return one


def key_of(user: Any, *scopes: str, **fields: Any) -> str:
    return api_keys.issue(user=user, name="test", scopes=scopes, **fields).text


# --- the table ---


def test_the_table_has_every_call_that_asks_who_one_is() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    asking = {
        (method, path)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
        if {"key": []} in operation.get("security", []) and {} not in operation["security"]
    }
    in_table = {
        (method, "/api/" + re.sub("/(open|prices)/", "/{name}/", path))
        for method, path, *_ in CALLS.values()
    }
    assert {bare(call) for call in asking} == {bare(call) for call in in_table}


def bare(call: tuple[str, str]) -> tuple[str, str]:
    """Whatever the variables in its path are called."""
    return call[0], re.sub(r"\{\w+\}", "{}", call[1])


@pytest.mark.parametrize("name", CALLS)
def test_a_key_without_the_scope_may_not(name: str, call: Any, cast: Cast) -> None:
    _, _, _, scope, _ = CALLS[name]
    others = [other for other in ALL if other != scope] if scope != "any" else []
    for user in (cast.member, cast.staff):
        answer = call(name, key_of(user, *others))
        if scope == "any":
            assert answer.status_code == 201
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize("name", CALLS)
def test_a_key_with_the_scope_alone_may(name: str, call: Any, cast: Cast) -> None:
    _, _, _, scope, status = CALLS[name]
    scopes = ALL if scope is None else [] if scope == "any" else [scope]
    assert call(name, key_of(cast.member, *scopes)).status_code == status


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    "kind", ["revoked", "expired", "of nobody active", "deleted", "cut", "longer", "empty", "other"]
)
def test_a_bad_key_is_refused_even_beside_a_session(
    name: str, kind: str, call: Any, cast: Cast
) -> None:
    text = key_of(cast.member, *ALL)
    key = ApiKey.objects.get()
    if kind == "revoked":
        api_keys.revoke(key=key)
    elif kind == "expired":
        ApiKey.objects.update(expires_at=timezone.now())
    elif kind == "of nobody active":
        get_user_model().objects.update(is_active=False)
    elif kind == "deleted":
        key.delete()
    else:
        texts = {"cut": text[:-1], "longer": text + "x", "empty": "", "other": "key_é\x01"}
        text = texts[kind]
    answer = call(name, text)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert "WWW-Authenticate" in answer.headers


def test_a_bad_key_is_not_passed_over_for_a_good_session(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.member)
    assert client.get("/api/rooms/").status_code == 200
    assert client.get("/api/rooms/", headers={"X-API-Key": "x"}).status_code == 401


def test_a_token_decides_before_a_key(call: Any, cast: Cast) -> None:
    key = key_of(cast.member, "rooms:read")
    bearer = f"Bearer {tokens.issue(cast.member).access}"
    assert call("one's notifications", key, Authorization=bearer).status_code == 200
    assert call("rooms", key, Authorization="Bearer x").status_code == 401


def test_a_key_sees_what_its_user_may_see_and_no_more(cast: Cast) -> None:
    headers = {"X-API-Key": key_of(cast.stranger, *ALL)}
    got = APIClient().get("/api/rooms/", headers=headers).json()["results"]
    assert cast.private_room.slug not in {room["slug"] for room in got}
    path = f"/api/rooms/{cast.private_room.slug}/"
    assert APIClient().get(path, headers=headers).status_code == 404
    answer = APIClient().post(f"{path}messages/", {"text": "a", "client_id": "1"}, headers=headers)
    assert answer.status_code == 404


def test_what_a_key_sends_arrives(call: Any, cast: Cast) -> None:
    call("a notification", key_of(cast.stranger, "notifications:send"))
    assert Notification.objects.get(inbox__user=cast.member).title == "T"


# --- the keys themselves ---


@pytest.fixture
def ada() -> Any:
    return make_user("ada")


def test_only_the_hash_of_a_key_is_kept(ada: Any) -> None:
    key = api_keys.issue(user=ada, name="n", scopes=["rooms:read"])
    assert re.fullmatch(r"key_[0-9a-f]{8}_[\w-]{43}", key.text)
    stored = ApiKey.objects.values().get()
    secret = key.text.rpartition(key.prefix)[2][1:]
    assert secret not in str(stored)
    assert key.text.startswith(stored["prefix"])
    assert ApiKey.objects.get().text == ""


def test_no_two_keys_are_alike(ada: Any) -> None:
    keys = [api_keys.issue(user=ada, name="n", scopes=[]) for _ in range(20)]
    assert len({key.text for key in keys}) == len({key.hash for key in keys}) == 20


def test_a_key_takes_two_queries_and_then_one_for_a_minute(ada: Any) -> None:
    text = key_of(ada)
    for expected in (2, 1, 1):
        with CaptureQueriesContext(connection) as queries:
            assert api_keys.holder(text).user.profile.display_name == "Ada"
        assert len(queries) == expected
    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    ApiKey.objects.update(last_used_at=noted - timedelta(seconds=61))
    api_keys.holder(text)
    assert ApiKey.objects.get().last_used_at >= noted


def test_a_bad_key_is_not_noted_as_used(ada: Any) -> None:
    text = key_of(ada)
    api_keys.revoke(key=ApiKey.objects.get())
    with pytest.raises(api_keys.KeyRefused):
        api_keys.holder(text)
    assert ApiKey.objects.get().last_used_at is None


def test_a_key_is_revoked_once(ada: Any) -> None:
    key = api_keys.issue(user=ada, name="n", scopes=[])
    api_keys.revoke(key=key)
    first = ApiKey.objects.get().revoked_at
    api_keys.revoke(key=key)
    assert ApiKey.objects.get().revoked_at == first


def test_a_ticket_got_with_a_key_ends_with_it(ada: Any) -> None:
    ends = timezone.now() + timedelta(hours=1)
    headers = {"X-API-Key": key_of(ada, "rooms:read", expires_at=ends)}
    assert APIClient().post("/api/ws-ticket/", headers=headers).status_code == 201
    ticket = Ticket.objects.get()
    assert (ticket.user, ticket.api_key, ticket.ends_at) == (ada, ApiKey.objects.get(), ends)


def test_the_schema_names_the_header() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    named = schema["components"]["securitySchemes"]["key"]
    assert named == {"type": "apiKey", "in": "header", "name": "X-API-Key"}


# --- the admin ---

ADD = "/admin/accounts/apikey/add/"


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def form(ada: Any, **fields: Any) -> dict[str, Any]:
    return {"name": "Bot", "user": ada.pk, "scopes": ["rooms:read", "rooms:post"], **fields}


def test_a_key_is_shown_once_when_it_is_made(admin: Client, ada: Any) -> None:
    answer = admin.post(ADD, form(ada))
    (text,) = re.findall(r'<code id="key">([\w-]+)</code>', answer.content.decode())
    assert "no-store" in answer.headers["Cache-Control"]
    assert text not in str(answer.cookies)
    key = api_keys.holder(text)
    assert (key.user, key.name, key.scopes) == (ada, "Bot", ["rooms:read", "rooms:post"])
    for path in ("", f"{key.pk}/change/", f"{key.pk}/history/"):
        page = admin.get(f"/admin/accounts/apikey/{path}")
        assert page.status_code == 200
        assert text[13:] not in page.content.decode()
        assert key.hash not in page.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"user": ""},
        {"name": ""},
        {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"},
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(admin: Client, ada: Any, wrong: Any) -> None:
    assert admin.post(ADD, form(ada, **wrong)).status_code == 200
    assert not ApiKey.objects.exists()


def test_keys_are_revoked_and_neither_changed_nor_deleted(admin: Client, ada: Any) -> None:
    key = api_keys.issue(user=ada, name="n", scopes=[])
    listing = "/admin/accounts/apikey/"
    admin.post(listing, {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get().revoked_at
    assert admin.post(f"{listing}{key.pk}/change/", form(ada, name="x")).status_code == 403
    assert admin.post(f"{listing}{key.pk}/delete/", {"post": "yes"}).status_code == 403
    admin.post(listing, {"action": "delete_selected", "_selected_action": [key.pk], "post": "yes"})
    assert ApiKey.objects.get().name == "n"


def test_staff_without_the_permission_make_and_revoke_none(ada: Any) -> None:
    key = api_keys.issue(user=ada, name="n", scopes=[])
    client = Client()
    client.force_login(make_user("helper", is_staff=True))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, form(ada)).status_code == 403
    client.post("/admin/accounts/apikey/", {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get().revoked_at is None
