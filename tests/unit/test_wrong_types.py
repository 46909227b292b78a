"""Each field of each body of the API takes the JSON types that the OpenAPI document names alone."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from accounts import tokens
from notifications.actions import notify
from orders.actions import create
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db

Schema = dict[str, Any]

OF_TYPE: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "integer": [0, 1, 7],
    "number": [1.5, -0.5],
    "string": ["", "1", "true", "yes", "x"],
    "array": [[], ["x"], [1]],
    "object": [{}, {"id": "1"}],
}
FITTING = {"number": {"number", "integer"}}  # what else a type takes than itself


class Body(NamedTuple):
    """What is taken: `given` has every field."""

    given: dict[str, Any]
    place: dict[str, Any] = {}


def bodies(cast: Cast) -> dict[str, Body]:
    """By operation, for the staff one, who is an owner of the room."""
    (note,) = notify(to=cast.staff, kind="generic", title="T", message="M")
    order = create(user=cast.member, reference="1")
    room = {"slug": cast.private_room.slug}
    member, refresh = str(cast.member.pk), {"refresh": tokens.issue(cast.staff).refresh}
    notice = {
        "to": [member],
        "kind": "generic",
        "title": "T",
        "message": "M",
        "action_url": "/here/",
        "data": {"a": 1},
        "idempotency_key": "k",
    }
    made = {"name": "New", "topic": "T", "visibility": "private", "open_to_guests": False}
    return {
        "guest_create": Body({"name": "Ann"}),
        "token_create": Body({"username": "staff", "password": "pass"}),
        "token_refresh": Body(refresh),
        "token_revoke": Body(refresh),
        "rooms_create": Body(made),
        "rooms_partial_update": Body({"name": "Other", "topic": "T"}, room),
        "rooms_messages_create": Body({"text": "Hi", "client_id": "1"}, room),
        "room_members_add": Body({"user": member, "role": "moderator"}, room),
        "notifications_send": Body(notice),
        "notifications_update": Body({"read": True}, {"notification_id": note.public_id}),
        "notifications_read_all": Body({"up_to": 1}),
        "orders_create": Body({"user": member, "reference": "2"}),
        "orders_ship": Body({"tracking_number": "X"}, {"order_id": order.pk}),
        "topics_publish": Body({"data": [1]}, {"topic": "tea"}),
    }


@pytest.fixture
def cast(db: None) -> Cast:
    cast = make_cast()
    cast.private_room.memberships.create(user=cast.staff, role="owner")
    return cast


class Document:
    """The operations with a body, and how to call them."""

    def __init__(self, raw: Any) -> None:
        self._schemas = raw["components"]["schemas"]
        self._operations = {
            operation["operationId"]: (method, path, operation)
            for path, methods in raw["paths"].items()
            for method, operation in methods.items()
            if "requestBody" in operation
        }

    @property
    def names(self) -> set[str]:
        return set(self._operations)

    def fields(self, name: str) -> dict[str, Schema]:
        _, _, operation = self._operations[name]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        fields = self.resolved(body)["properties"].items()
        return {
            field: self.resolved(schema) for field, schema in fields if not schema.get("readOnly")
        }

    def resolved(self, schema: Schema) -> Schema:
        """Without references and unions of one."""
        for part in ("allOf", "oneOf"):
            if len(schema.get(part, ())) == 1:
                return self.resolved(schema[part][0] | {"nullable": schema.get("nullable")})
        if reference := schema.get("$ref"):
            found: Schema = self._schemas[reference.rpartition("/")[2]]
            return found
        return schema

    def caller(self, name: str, place: dict[str, Any]) -> Callable[[Any, Any], int]:
        method, path, operation = self._operations[name]

        def call(user: Any, body: Any) -> int:
            client = APIClient()
            if {} not in operation.get("security", ()):
                client.force_authenticate(user)
            with transaction.atomic():
                answer = client.generic(
                    method.upper(), path.format(**place), json.dumps(body), "application/json"
                )
                transaction.set_rollback(True)
            return int(answer.status_code)

        return call


@pytest.fixture
def document() -> Document:
    return Document(APIClient().get("/api/schema/?format=json").json())


def wrong(schema: Schema) -> Iterator[Any]:
    """Values of every JSON type that the schema does not name; and arrays of them, if of one."""
    branches = schema.get("oneOf", [schema])
    if not any("type" in branch for branch in branches):
        return  # any JSON
    named = {branch["type"] for branch in branches}
    named |= {fitting for name in named for fitting in FITTING.get(name, ())}
    if schema.get("nullable"):
        named.add("null")
    for name, values in OF_TYPE.items():
        if name not in named:
            yield from values
    for branch in branches:
        if branch["type"] == "array":
            yield from ([value] for value in wrong(branch["items"]))


def test_every_field_of_every_body_is_in_the_table(cast: Cast, document: Document) -> None:
    """Whoever adds one says here what it takes."""
    known = {name: set(body.given) for name, body in bodies(cast).items()}
    assert known == {name: set(document.fields(name)) for name in document.names}


def test_the_right_types_are_taken_and_all_others_refused(cast: Cast, document: Document) -> None:
    failed, tried = [], 0
    for name, body in bodies(cast).items():
        call = document.caller(name, body.place)
        assert 200 <= call(cast.staff, body.given) < 300, name
        for field, schema in document.fields(name).items():
            for value in wrong(schema):
                tried += 1
                if not 400 <= (status := call(cast.staff, body.given | {field: value})) < 500:
                    failed.append(f"{name} {field}={value!r}: {status}")
    assert not failed, "\n".join(failed)
    assert tried > 300


def test_a_body_that_is_no_object_is_refused(cast: Cast, document: Document) -> None:
    for name, body in bodies(cast).items():
        call = document.caller(name, body.place)
        for value in wrong({"type": "object"}):
            assert 400 <= call(cast.staff, value) < 500, (name, value)
