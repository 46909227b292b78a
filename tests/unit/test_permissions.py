"""Every person, every verb, every object of the API: who may, and what the others see of it.

What one may not know of answers as what does not exist: the same bytes, after as many queries.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.api_keys import issue
from accounts.scopes import Scope
from chat import actions
from notifications.actions import notify
from orders.actions import create
from tests.cast import Cast, make_cast

pytestmark = pytest.mark.django_db

PEOPLE = ["anonymous", "stranger", "guest", "member", "moderator", "owner", "staff", "banned"]
SIGNED_IN = set(PEOPLE) - {"anonymous"}
KEEPERS = {"moderator", "owner", "staff"}
SEEN = {
    "open": SIGNED_IN - {"banned"},
    "public": SIGNED_IN - {"banned", "guest"},
    "private": {"member", "moderator", "owner"},
}


class Verb(NamedTuple):
    """`done` is the status for those who may; `refused` says who may not, though they see it."""

    method: str
    path: str
    done: int
    body: dict[str, Any] = {}
    refused: dict[str, int] = {}


def only(allowed: Iterable[str]) -> dict[str, int]:
    return dict.fromkeys(SIGNED_IN - set(allowed), 403)


def of_room(slug: str, cast: Cast) -> dict[str, Verb]:
    room = f"/api/rooms/{slug}/"
    members = f"{room}members/"
    member, banned = cast.member.pk, cast.banned.pk
    self_removal = {"member": 403}
    return {
        "read": Verb("get", room, 200),
        "change": Verb("patch", room, 200, {"topic": "t"}, only(KEEPERS)),
        "join": Verb("post", f"{room}join/", 200, {}, only([]) if slug == "private" else {}),
        "leave": Verb("post", f"{room}leave/", 204, {}, {"owner": 409}),
        "events": Verb("get", f"{room}events/", 200),
        "post": Verb("post", f"{room}messages/", 201, {"text": "hi", "client_id": "c"}),
        "members": Verb("get", members, 200),
        "add": Verb("post", members, 201, {"user": str(cast.stranger.pk)}, only(KEEPERS)),
        "promote": Verb(
            "post", members, 200, {"user": str(member), "role": "moderator"}, only(["owner"])
        ),
        "kick": Verb("delete", f"{members}?user={member}", 204, {}, only(KEEPERS) | self_removal),
        "ban": Verb("delete", f"{members}?user={member}&ban=true", 204, {}, only(KEEPERS)),
        "lift": Verb("delete", f"{members}?user={banned}&ban=false", 204, {}, only(KEEPERS)),
        "kick an owner": Verb(
            "delete", f"{members}?user={cast.owner.pk}", 409, {}, only(["owner"])
        ),
    }


@pytest.fixture
def people(db: None, monkeypatch: pytest.MonkeyPatch) -> Cast:
    """Nothing is ever committed here; what would follow a commit follows at once."""
    monkeypatch.setattr(transaction, "on_commit", lambda call, **_: call())
    return make_cast()


@contextmanager
def undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def client_of(cast: Cast, who: str) -> APIClient:
    client = APIClient()
    if who != "anonymous":
        client.force_authenticate(getattr(cast, who))
    return client


def ask(cast: Cast, who: str, verb: Verb, path: str = "") -> Any:
    return getattr(client_of(cast, who), verb.method)(path or verb.path, verb.body, format="json")


def said(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    return answer.status_code, answer.content, dict(answer.items())


@pytest.mark.parametrize("slug", SEEN)
@pytest.mark.parametrize("who", PEOPLE)
def test_in_a_room_everybody_does_what_they_may(people: Cast, who: str, slug: str) -> None:
    verbs = of_room(slug, people)
    expected, found = {}, {}
    for name, verb in verbs.items():
        hidden = 401 if who == "anonymous" else 404
        expected[name] = verb.refused.get(who, verb.done) if who in SEEN[slug] else hidden
        with undone():
            found[name] = ask(people, who, verb).status_code
    assert found == expected


@pytest.mark.parametrize("slug", SEEN)
@pytest.mark.parametrize("who", PEOPLE)
def test_a_room_that_one_may_not_know_of_looks_like_none(people: Cast, who: str, slug: str) -> None:
    if who in SEEN[slug]:
        return
    for name, verb in of_room(slug, people).items():
        with undone(), CaptureQueriesContext(connection) as hidden_cost:
            hidden = ask(people, who, verb)
        with undone(), CaptureQueriesContext(connection) as missing_cost:
            missing = ask(people, who, verb, verb.path.replace(f"/{slug}/", "/nowhere/"))
        assert said(hidden) == said(missing), name
        assert len(hidden_cost) == len(missing_cost), name


@pytest.mark.parametrize("who", PEOPLE)
def test_the_list_has_the_rooms_that_one_may_know_of(people: Cast, who: str) -> None:
    answer = ask(people, who, Verb("get", "/api/rooms/", 200))
    if who == "anonymous":
        assert answer.status_code == 401
    else:
        slugs = {room["slug"] for room in answer.json()["results"]}
        assert slugs == {slug for slug, seen in SEEN.items() if who in seen}


@pytest.mark.parametrize("who", PEOPLE)
def test_beside_rooms_everybody_does_what_they_may(people: Cast, who: str) -> None:
    order = create(user=people.member, reference="1")
    staff = only(["staff"])
    notice = {
        "to": [str(people.member.pk)],
        "kind": "test",
        "title": "T",
        "message": "M",
        "action_url": "/",
    }
    verbs = {
        "make a room": Verb("post", "/api/rooms/", 201, {"name": "New"}, {"guest": 403}),
        "read notifications": Verb("get", "/api/notifications/", 200),
        "read all": Verb("post", "/api/notifications/read-all/", 200),
        "notify": Verb("post", "/api/notifications/", 201, notice, staff),
        "read orders": Verb("get", "/api/orders/", 200, {}, staff),
        "order": Verb(
            "post",
            "/api/orders/",
            201,
            {"user": str(people.member.pk), "reference": "2"},
            staff,
        ),
        "ship": Verb("post", f"/api/orders/{order.pk}/ship/", 200, {}, staff),
        "publish": Verb("post", "/api/topics/news/", 200, {"data": 1}),
        "publish to somebody": Verb(
            "post", f"/api/topics/user:{people.member.pk}:x/", 200, {"data": 1}, staff
        ),
        "get a ticket": Verb("post", "/api/ws-ticket/", 201),
    }
    expected, found = {}, {}
    for name, verb in verbs.items():
        expected[name] = 401 if who == "anonymous" else verb.refused.get(who, verb.done)
        with undone():
            found[name] = ask(people, who, verb).status_code
    assert found == expected


@pytest.mark.parametrize("who", PEOPLE)
def test_what_is_anothers_looks_like_what_is_not_there(people: Cast, who: str) -> None:
    (theirs,) = notify(to=people.member, kind="test", title="T", message="M")
    order = create(user=people.member, reference="1")
    pairs: list[tuple[Verb, str]] = [
        (
            Verb("patch", f"/api/notifications/{theirs.public_id}/", 200, {"read": True}),
            f"/api/notifications/{'0' * 32}/",
        )
    ]
    if who != "staff":
        ship = Verb("post", f"/api/orders/{order.pk}/ship/", 200)
        pairs.append((ship, "/api/orders/999999/ship/"))
    for verb, nowhere in pairs:
        if who == "member" and "notifications" in verb.path:
            continue
        costs: list[int] = []
        answers: list[Any] = []
        for path in (verb.path, nowhere):
            with undone(), CaptureQueriesContext(connection) as cost:
                answers.append(said(ask(people, who, verb, path)))
            costs.append(len(cost))
        assert answers[0] == answers[1]
        assert answers[0][0] in {401, 403, 404}
        assert costs[0] == costs[1]


KEYS: list[list[str]] = [[], *([scope.value] for scope in Scope), [scope.value for scope in Scope]]


@pytest.mark.parametrize("scopes", [None, *KEYS], ids=str)
@pytest.mark.parametrize("who", sorted(SIGNED_IN))
def test_on_topics_everybody_publishes_where_they_may(
    people: Cast, who: str, scopes: list[str] | None
) -> None:
    """As a person, and with a key of theirs: in an open topic, their own, and somebody else's."""
    user, client = getattr(people, who), APIClient()
    if scopes is None:
        client.force_authenticate(user)
    else:
        client.credentials(HTTP_X_API_KEY=issue(user=user, name="k", scopes=scopes).text)
    theirs = [f"user:{one}:x" for one in (user.pk, people.owner.pk, people.guest.pk)]
    found = [
        client.post(f"/api/topics/{topic}/", {"data": 1}).status_code for topic in ("news", *theirs)
    ]
    if scopes is None:
        expected = [200] + [200 if who == "staff" else 403] * 3
    else:
        expected = [200 if Scope.TOPICS_PUBLISH in scopes else 403] * 4
    assert found == expected


@pytest.mark.parametrize("who", PEOPLE)
def test_a_notification_is_marked_by_whose_it_is(people: Cast, who: str) -> None:
    (theirs,) = notify(to=people.member, kind="test", title="T", message="M")
    verb = Verb("patch", f"/api/notifications/{theirs.public_id}/", 200, {"read": True})
    expected = {"anonymous": 401, "member": 200}.get(who, 404)
    assert ask(people, who, verb).status_code == expected
    theirs.refresh_from_db()
    assert (theirs.read_at is not None) is (who == "member")


def hidden_from(cast: Cast, who: str) -> Iterator[str]:
    """The names of rooms that this person may not know of."""
    for slug in SEEN:
        if who not in SEEN[slug]:
            yield getattr(cast, f"{slug}_room").name


@pytest.mark.parametrize("who", sorted(SIGNED_IN - {"guest"}))
def test_rooms_are_made_under_hidden_names_and_not_under_others(people: Cast, who: str) -> None:
    hidden = set(hidden_from(people, who))
    for name in ("Open", "Public", "Private", "New"):
        with undone():
            answer = ask(people, who, Verb("post", "/api/rooms/", 201, {"name": name}))
        assert answer.status_code == (201 if name in hidden | {"New"} else 409), name


@pytest.mark.parametrize("after", ["private", "public", "public, guests too"])
@pytest.mark.parametrize("who", PEOPLE)
def test_a_room_is_seen_as_it_has_become(people: Cast, who: str, after: str) -> None:
    for slug in SEEN:
        room = getattr(people, f"{slug}_room")
        visibility, _, guests = after.partition(", ")
        actions.change_room(
            room=room, by=people.owner, visibility=visibility, open_to_guests=bool(guests)
        )
    seen = {
        "private": SEEN["private"],
        "public": SEEN["public"],
        "public, guests too": SEEN["open"],
    }[after]
    post = {"text": "hi", "client_id": "c"}
    for slug in SEEN:
        read = Verb("get", f"/api/rooms/{slug}/events/", 200)
        say = Verb("post", f"/api/rooms/{slug}/messages/", 201, post)
        for verb in (read, say):
            hidden = 401 if who == "anonymous" else 404
            expected = verb.done if who in seen else hidden
            assert ask(people, who, verb).status_code == expected, (slug, verb.method)


def test_every_path_of_the_api_is_in_the_table_or_open_to_all(people: Cast) -> None:
    """Whoever adds an endpoint says here who may use it."""
    answer = APIClient().get("/api/schema/?format=json")
    known = {path.removesuffix("/") for path in answer.json()["paths"]}
    table = {
        "/api/rooms/{slug}" + suffix
        for suffix in ("", "/join", "/leave", "/events", "/messages", "/members")
    }
    beside = {
        "/api/rooms",
        "/api/notifications",
        "/api/notifications/read-all",
        "/api/notifications/{notification_id}",
        "/api/orders",
        "/api/orders/{order_id}/ship",
        "/api/topics/{topic}",
        "/api/ws-ticket",
    }
    open_to_all = {
        "/api/token", "/api/token/refresh", "/api/token/revoke", "/api/guest",
        "/api/schema", "/api/docs",
    }  # fmt: skip
    assert known <= table | beside | open_to_all
