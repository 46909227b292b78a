"""Every call that the schema names, as it says: with what is right, and with what is not."""

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from accounts import tokens
from chat.models import Event, Membership, Room
from notifications.actions import notify
from orders.actions import create
from tests.cast import Cast

EXAMPLES = 50  # of each operation and person
NOWHERE = [b"p=abc", b"p=", b"p=\0", b"p=-1&r=1", b"p=%ff", b"p=" + b"9" * 40, b"o=1&p=1"]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def operations() -> dict[str, APIOperation]:
    schema = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())
    found = [each.ok() for each in schema.get_all_operations()]
    return {operation.definition.raw["operationId"]: operation for operation in found}


def bearer(user: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.issue(user).access}"}


def test_the_schema_is_made_without_a_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")


def places(cast: Cast) -> dict[str, list[str]]:
    """Values for parameters that lead somewhere; cursors that are well made and lead nowhere."""
    (note,) = notify(to=cast.member, kind="generic", title="T", message="M")
    return {
        "slug": [cast.open_room.slug, cast.private_room.slug],
        "notification_id": [note.public_id],
        "order_id": [str(create(user=cast.owner, reference="A1").pk)],
        "topic": ["tea"],
        "cursor": [b64encode(place).decode() for place in NOWHERE],
    }


@pytest.mark.parametrize("who", ["staff", "member"])
def test_whatever_is_sent_is_answered_as_documented(
    who: str, cast: Cast, operations: dict[str, APIOperation]
) -> None:
    known, headers = places(cast), bearer(getattr(cast, who))
    failed = [e for operation in operations.values() if (e := _failure(operation, known, headers))]
    assert not failed, "\n\n".join(failed)


def _failure(operation: APIOperation, *given: Any) -> str:
    try:
        _try(operation, *given)
    except (AssertionError, BaseExceptionGroup) as error:
        return f"{operation.label}: {error}"
    return ""


def _try(operation: APIOperation, known: dict[str, list[str]], headers: dict[str, str]) -> None:
    @given(case=operation.as_strategy(), data=strategies.data())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(case: Case, data: Any) -> None:
        for parameters in (case.path_parameters or {}, case.query or {}):
            for name in sorted(parameters.keys() & known):
                if data.draw(strategies.integers(0, 4)):
                    parameters[name] = data.draw(strategies.sampled_from(known[name]))
        case.call_and_validate(headers=headers, checks=CHECKS)

    attempt()


class Caller:
    """Makes documented calls, and checks each answer against the schema."""

    def __init__(self, operations: dict[str, APIOperation]) -> None:
        self._operations = operations
        self.made: set[str] = set()

    def call(
        self, operation_id: str, status: int, user: Any = None, body: Any = None, **given: Any
    ) -> Any:
        operation = self._operations[operation_id]
        query = given.pop("query", {})
        if body is not None:
            given |= {"body": body, "media_type": "application/json"}
        case = operation.Case(path_parameters=given.pop("path", {}), query=query, **given)
        headers = bearer(user) if user else {}
        answer = case.call_and_validate(headers=headers, checks=CHECKS[:-1])
        assert answer.status_code == status, answer.text
        self.made.add(operation_id)
        return answer.json() if answer.content else None


def test_every_documented_call_can_be_made(cast: Cast, operations: dict[str, APIOperation]) -> None:
    caller = Caller(operations)
    for script in (signing_in, in_rooms, with_members, with_notifications, with_orders):
        script(caller.call, cast)
    assert caller.made == operations.keys()


Call = Callable[..., Any]


def signing_in(call: Call, cast: Cast) -> None:
    call("guest_create", 201, body={"name": "Ann"})
    pair = call("token_create", 200, body={"username": "member", "password": "pass"})
    pair = call("token_refresh", 200, body={"refresh": pair["refresh"]})
    call("token_revoke", 204, body={"refresh": pair["refresh"]})
    call("ws_ticket_create", 201, cast.member)


def in_rooms(call: Call, cast: Cast) -> None:
    room = call("rooms_create", 201, cast.owner, {"name": "Tea", "topic": "Green"})
    place = {"path": {"slug": room["slug"]}}
    call("rooms_create", 409, cast.owner, {"name": "Tea"})
    call("rooms_list", 200, cast.guest)
    call("rooms_retrieve", 200, cast.member, **place)
    call("rooms_partial_update", 200, cast.owner, {"topic": "Black"}, **place)
    call("rooms_join_create", 200, cast.member, **place)
    message = {"text": "Hi", "client_id": "1"}
    call("rooms_messages_create", 201, cast.member, message, **place)
    call("rooms_messages_create", 200, cast.member, message, **place)
    call("rooms_events_retrieve", 200, cast.member, query={"after": 0, "limit": 2}, **place)
    Event.objects.filter(room__slug=room["slug"], seq=1).delete()
    Room.objects.filter(slug=room["slug"]).update(tail=1)
    gone = call("rooms_events_retrieve", 410, cast.member, query={"after": 0}, **place)
    assert (gone["code"], gone["seq"]) == ("not_found", 1)
    call("rooms_leave_create", 204, cast.member, **place)
    call("rooms_leave_create", 409, cast.owner, **place)
    call("rooms_retrieve", 404, cast.stranger, path={"slug": cast.private_room.slug})
    direct = Room.objects.create(slug="dm", name="DM", visibility="direct")
    Membership.objects.create(room=direct, user=cast.member)
    call("rooms_retrieve", 200, cast.member, path={"slug": "dm"})
    call("topics_publish", 200, cast.member, {"data": [1]}, path={"topic": "tea"})


def with_members(call: Call, cast: Cast) -> None:
    place = {"path": {"slug": cast.private_room.slug}}
    stranger = str(cast.stranger.pk)
    call("room_members_list", 200, cast.member, **place)
    call("room_members_add", 201, cast.owner, {"user": stranger}, **place)
    call("room_members_add", 403, cast.member, {"user": stranger}, **place)
    call("room_members_remove", 204, cast.owner, query={"user": stranger}, **place)


def with_notifications(call: Call, cast: Cast) -> None:
    body = {"to": [str(cast.member.pk)], "kind": "generic", "title": "T", "message": "M"}
    (sent,) = call("notifications_send", 201, cast.staff, body)["notifications"]
    call("notifications_send", 403, cast.member, body)
    call("notifications_list", 200, cast.member)
    place = {"path": {"notification_id": sent["id"]}}
    call("notifications_update", 200, cast.member, {"read": True}, **place)
    call("notifications_update", 404, cast.stranger, {"read": True}, **place)
    call("notifications_read_all", 200, cast.member, {})


def with_orders(call: Call, cast: Cast) -> None:
    body = {"user": str(cast.owner.pk), "reference": "B2"}
    order = call("orders_create", 201, cast.staff, body)
    call("orders_list", 200, cast.staff)
    place = {"path": {"order_id": order["id"]}}
    call("orders_ship", 200, cast.staff, {"tracking_number": "X"}, **place)
    call("orders_ship", 409, cast.staff, {}, **place)
