"""The members of a room over HTTP. Who may is in test_permissions, what becomes of it elsewhere."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat import access, actions
from chat.access import role_in
from chat.models import Event, Membership, Removal, Room
from realtime import limits
from realtime.limit_store import MemoryRates
from tests.api import as_user, code
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)

MEMBERS = "/api/rooms/private/members/"


def test_members_are_listed_in_the_order_of_their_coming(cast: Cast) -> None:
    answer = as_user(cast.member).get(MEMBERS)
    assert answer.status_code == 200
    body = answer.json()
    assert [(one["user"]["name"], one["role"]) for one in body["results"]] == [
        ("Owner", "owner"),
        ("Member", "member"),
        ("Moderator", "moderator"),
    ]
    assert body["results"][0]["user"] == {"id": str(cast.owner.pk), "name": "Owner"}
    assert body["results"][0]["joined_at"].endswith("Z")
    assert (body["next"], body["previous"]) == (None, None)


def test_many_members_are_paged_and_cost_no_more_queries(cast: Cast) -> None:
    def page(url: str) -> dict[str, Any]:
        answer = as_user(cast.owner).get(url)
        body: dict[str, Any] = answer.json()
        return body

    with CaptureQueriesContext(connection) as few:
        page(MEMBERS)
    users = get_user_model().objects.bulk_create(
        get_user_model()(username=f"u{n}") for n in range(60)
    )
    room = cast.private_room
    Membership.objects.bulk_create(Membership(room=room, user=user) for user in users)
    with CaptureQueriesContext(connection) as many:
        first = page(MEMBERS)
    assert len(many) == len(few)
    second = page(first["next"])
    ids = [one["user"]["id"] for one in first["results"] + second["results"]]
    assert len(ids) == len(set(ids)) == 63
    assert second["next"] is None


def test_who_is_added_is_answered_as_they_are_listed(cast: Cast) -> None:
    keeper = as_user(cast.owner)
    added = keeper.post(MEMBERS, {"user": str(cast.guest.pk), "role": "moderator"})
    assert added.status_code == 201
    assert added.json()["user"] == {"id": str(cast.guest.pk), "name": "Guest", "guest": True}
    assert added.json() in keeper.get(MEMBERS).json()["results"]
    again = keeper.post(MEMBERS, {"user": str(cast.guest.pk)})
    assert (again.status_code, again.json()["role"]) == (200, "moderator")


@pytest.mark.parametrize("as_body", [False, True])
def test_putting_out_takes_a_query_or_a_body(cast: Cast, as_body: bool) -> None:
    def delete(**fields: Any) -> int:
        keeper = as_user(cast.owner)
        if as_body:
            return int(keeper.delete(MEMBERS, fields).status_code)
        query = "&".join(f"{name}={str(value).lower()}" for name, value in fields.items())
        return int(keeper.delete(f"{MEMBERS}?{query}").status_code)

    who = str(cast.member.pk)
    assert delete(user=who) == 204
    assert role_in(cast.private_room, cast.member) is None
    assert delete(user=who) == 404
    assert delete(user=who, ban=True) == 204
    assert Removal.objects.get(user=cast.member).banned
    assert delete(user=who, ban=False) == 204
    assert delete(user=who, ban=False) == 404
    assert not Removal.objects.get(user=cast.member).banned


@pytest.mark.parametrize("method", ["post", "delete"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"user": ""},
        {"user": None},
        {"user": "nobody"},
        {"user": "999999"},
        {"user": str(10**30)},
        {"user": ["1"]},
        {"user": 1},
        {"user": {"id": "1"}},
        {"user": "x" * 100},
    ],
)
def test_nobody_is_400(cast: Cast, method: str, body: dict[str, Any]) -> None:
    answer = getattr(as_user(cast.owner), method)(MEMBERS, body)
    assert code(answer) == (400, "bad_frame")
    assert list(answer.json()["fields"]) == ["user"]


@pytest.mark.parametrize(
    ("method", "field"), [("post", {"role": "king"}), ("delete", {"ban": "maybe"})]
)
def test_what_is_no_role_and_no_ban_is_400(cast: Cast, method: str, field: Any) -> None:
    body = {"user": str(cast.member.pk), **field}
    assert code(getattr(as_user(cast.owner), method)(MEMBERS, body)) == (400, "bad_frame")


def test_who_may_not_sign_in_is_not_added_and_can_be_put_out(cast: Cast) -> None:
    get_user_model().objects.filter(pk=cast.member.pk).update(is_active=False)
    body = {"user": str(cast.member.pk)}
    assert as_user(cast.owner).post(MEMBERS, body).status_code == 400
    assert as_user(cast.owner).delete(MEMBERS, body).status_code == 204


@pytest.mark.parametrize("method", ["put", "patch"])
def test_a_wrong_method_gets_405(cast: Cast, method: str) -> None:
    assert code(getattr(as_user(cast.owner), method)(MEMBERS)) == (405, "unsupported")


def test_what_one_may_not_do_is_refused_before_the_body_is_looked_at(cast: Cast) -> None:
    assert code(as_user(cast.member).post(MEMBERS, {"user": ""})) == (403, "forbidden")
    assert code(as_user(cast.stranger).post(MEMBERS, {"user": ""})) == (404, "not_found")


def test_the_last_owner_is_told_to_hand_over(cast: Cast, client: Client) -> None:
    answer = as_user(cast.owner).post("/api/rooms/private/leave/")
    assert code(answer) == (409, "conflict")
    client.force_login(cast.owner)
    page = client.post("/chat/private/leave/", follow=True)
    assert page.redirect_chain == [("/", 302)]
    assert "The last owner hands the room over before." in page.content.decode()


def test_for_who_is_banned_the_page_is_not_there(cast: Cast, client: Client) -> None:
    client.force_login(cast.banned)
    for slug in ("open", "private", "nowhere"):
        assert client.get(f"/chat/{slug}/").status_code == 404
        assert client.post(f"/chat/{slug}/join/").status_code == 404


# --- whoever guesses ids ---


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(limits.rates, "_here", MemoryRates(lambda: 1000.0))
    settings.REDIS_URL = ""
    settings.LIMIT_STRANGERS_PER_MINUTE = 3


def statuses(user: Any, method: str, ids: Iterable[Any], **fields: Any) -> list[int]:
    client = as_user(user)
    path = f"/api/rooms/{own_room(user).slug}/members/"
    bodies = [{"user": str(one), **fields} for one in ids]
    return [getattr(client, method)(path, body).status_code for body in bodies]


def own_room(user: Any) -> Room:
    known = Room.objects.filter(name="Mine").first()
    return known or actions.create_room(by=user, name="Mine", visibility="private")


@pytest.mark.parametrize(("method", "fields"), [("post", {}), ("delete", {"ban": True})])
def test_names_are_not_found_out_by_counting(
    cast: Cast, limited: None, method: str, fields: Any
) -> None:
    somebody = [make_user(f"u{n}").pk for n in range(5)]
    got = statuses(cast.stranger, method, somebody, **fields)
    assert got == [204 if method == "delete" else 201] * 3 + [429] * 2
    assert Event.objects.filter(room=own_room(cast.stranger)).count() == 1 + 3
    assert statuses(cast.stranger, method, [10**6, 10**7], **fields) == [429, 429]


def test_guesses_that_find_nobody_count_too(cast: Cast, limited: None) -> None:
    assert statuses(cast.stranger, "post", range(10**6, 10**6 + 5)) == [400] * 3 + [429] * 2


def test_those_whom_one_knows_are_handled_freely(cast: Cast, limited: None) -> None:
    """By their membership of a room that one may read, or by what they wrote there."""
    actions.post_message(room=cast.open_room, author=cast.guest, text="hi", client_id="1")
    known = [cast.owner.pk, cast.member.pk, cast.moderator.pk, cast.guest.pk] * 2
    assert set(statuses(cast.stranger, "post", known)) == {201, 200}


def test_those_whom_staff_handle_are_not_counted(cast: Cast, limited: None) -> None:
    somebody = [make_user(f"u{n}").pk for n in range(5)]
    assert statuses(cast.staff, "post", somebody) == [201] * 5


def test_a_member_of_a_room_that_one_cannot_read_is_a_stranger(cast: Cast) -> None:
    for rows in (Membership, Event):
        rows.objects.exclude(room=cast.private_room).delete()
    assert not access.may_know_of(cast.stranger, cast.member)
    assert access.may_know_of(cast.owner, cast.member)
    assert access.may_know_of(cast.staff, cast.member)
    assert not access.may_know_of(cast.staff, None)


@pytest.mark.parametrize("method", ["post", "delete"])
def test_strangers_who_were_deactivated_look_like_nobody(cast: Cast, method: str) -> None:
    gone = make_user("gone", is_active=False)
    client, path = as_user(cast.owner), MEMBERS
    answers = [
        getattr(client, method)(
            path, {"user": who, **({"ban": True} if method == "delete" else {})}
        )
        for who in (str(gone.pk), "999999")
    ]
    assert answers[0].status_code == answers[1].status_code == 400
    assert answers[0].content == answers[1].content
