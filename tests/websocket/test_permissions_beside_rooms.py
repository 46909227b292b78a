"""Every person, every frame of notifications, topics and ops: who may, and what the others get."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from accounts.queries import person
from accounts.scopes import Scope
from chat.frames import decoder as chat
from chatsite.routing import sockets
from notifications.actions import notify
from notifications.frames import decoder as notifications
from notifications.queries import unread_count
from ops.frames import decoder as ops
from ops.models import AuditEntry
from realtime import database
from realtime.credentials import Credential
from realtime.frames import ALWAYS
from realtime.testing import TIMEOUT
from tests.cast import Cast
from tests.sockets import Socket, connected
from tests.websocket.test_permissions import FRAMES as IN_ROOMS
from topics.frames import decoder as topics

pytestmark = pytest.mark.django_db(transaction=True)

BELL, TOPICS, OPS = "/ws/notifications/", "/ws/topics/", "/ws/ops/"
PEOPLE = ["stranger", "guest", "member", "moderator", "owner", "staff", "banned"]

S, P = Scope.TOPICS_SUBSCRIBE, Scope.TOPICS_PUBLISH
# What is left to each in a topic: `s` to subscribe, `p` to publish.
BY_TOPIC = ("prices", "own", "another's", "nobody's", "the prefix alone")
A_PERSON = ("sp", "s", "", "", "")
A_STAFF_ONE = ("sp", "sp", "p", "p", "p")
KEYS: dict[str, tuple[set[Scope], tuple[str, ...]]] = {
    "publishes": ({P}, ("p", "p", "p", "p", "p")),
    "subscribes": ({S}, ("s", "s", "", "", "")),
    "does both": ({S, P}, ("sp", "sp", "p", "p", "p")),
}


def at(path: str, user: Any, **scope: Any) -> AbstractAsyncContextManager[Socket]:
    return connected(sockets, path, user, **scope)


async def key_of(user: Any, scopes: set[Scope]) -> Credential:
    named = await database.run(person, user)
    return Credential(user=user, person=named, kind="api-key", scopes=frozenset(scopes))


async def said(socket: Socket, **frame: Any) -> dict[str, Any]:
    """The answer, without what differs from one time to the next."""
    await socket.send(**frame, ref="r")
    while (answer := await socket.next()).get("ref") != "r":
        assert answer["type"] != "close"
    return {name: answer[name] for name in answer.keys() & {"type", "code", "message"}}


async def refusal(path: str, user: Any, **scope: Any) -> tuple[list[str], int]:
    async with at(path, user, **scope) as socket:
        code = await socket.closed()
    return [frame["code"] for frame in socket.frames], code


# --- coming in ---


@pytest.mark.parametrize("path", [BELL, TOPICS, OPS])
async def test_who_shows_nothing_gets_nowhere(path: str) -> None:
    assert await refusal(path, None) == (["not_signed_in"], 4401)


@pytest.mark.parametrize("path", [BELL, TOPICS, OPS])
@pytest.mark.parametrize("who", PEOPLE)
async def test_a_key_comes_in_where_it_has_a_scope(cast: Cast, who: str, path: str) -> None:
    user = getattr(cast, who)
    for scope in Scope:
        key = await key_of(user, {scope})
        if path == TOPICS and scope in {S, P}:
            async with at(path, user, credential=key) as socket:
                assert socket.welcome
        else:
            assert await refusal(path, user, credential=key) == (["forbidden"], 4403)


# --- notifications ---


async def notified(user: Any) -> str:
    (made,) = await database.run(notify, to=[user], kind="generic", title="T", message="M")
    return made.public_id


@pytest.mark.parametrize("who", PEOPLE)
async def test_everybody_marks_their_own_notifications_and_nobody_elses(
    cast: Cast, who: str
) -> None:
    user, other = getattr(cast, who), cast.owner if who != "owner" else cast.member
    own, theirs, second = [await notified(whom) for whom in (user, other, user)]
    async with at(BELL, user) as socket, at(BELL, other) as witness:
        anothers = await said(socket, type="mark-read", ids=[theirs])
        assert anothers["code"] == "not_found"
        assert await said(socket, type="mark-read", ids=["0" * 32]) == anothers
        ids = [own, theirs]
        assert await said(socket, type="mark-read", ids=ids) == anothers
        assert await database.run(unread_count, user) == 2
        await socket.send(type="mark-read", ids=[own])
        assert (await socket.until("notification-update"))["ids"] == [own]
        await socket.send(type="mark-all-read", up_to=2**53)
        assert (await socket.until("notification-update"))["ids"] == [second]
        assert await witness.quiet() == []
    assert await database.run(unread_count, other) == 1


# --- topics ---


def named(topic: str, user: Any, other: Any) -> str:
    return {
        "prices": "prices",
        "own": f"user:{user.pk}:x",
        "another's": f"user:{other.pk}:x",
        "nobody's": "user:0:x",
        "the prefix alone": "user:",
    }[topic]


async def does_what_it_may(
    cast: Cast, user: Any, may: tuple[str, ...], credential: Credential | None = None
) -> None:
    other = cast.owner if user != cast.owner else cast.member
    scope = {"credential": credential} if credential else {}
    expected, found = {}, {}
    async with at(TOPICS, user, **scope) as socket, at(TOPICS, other) as witness:
        await said(witness, type="subscribe", topic=f"user:{other.pk}:x")
        for topic, letters in zip(BY_TOPIC, may, strict=True):
            where = {"topic": named(topic, user, other)}
            expected[topic] = (
                "subscribed" if "s" in letters else "forbidden",
                "published" if "p" in letters else "forbidden",
                "unsubscribed",
            )
            answers = [
                await said(socket, type="subscribe", **where),
                await said(socket, type="publish", data=topic, **where),
                await said(socket, type="unsubscribe", **where),
            ]
            found[topic] = tuple(answer.get("code", answer["type"]) for answer in answers)
        heard = [frame["data"] for frame in await witness.quiet()]
    assert found == expected
    assert heard == (["another's"] if "p" in may[BY_TOPIC.index("another's")] else [])
    own = [frame["data"] for frame in socket.frames if frame["type"] == "publication"]
    assert own == [topic for topic, answers in expected.items() if "forbidden" not in answers]


@pytest.mark.parametrize("who", PEOPLE)
async def test_in_topics_everybody_does_what_they_may(cast: Cast, who: str) -> None:
    await does_what_it_may(cast, getattr(cast, who), A_STAFF_ONE if who == "staff" else A_PERSON)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("who", PEOPLE)
async def test_in_topics_a_key_does_what_its_scopes_say_whosever_it_is(
    cast: Cast, who: str, key: str
) -> None:
    user, (scopes, may) = getattr(cast, who), KEYS[key]
    await does_what_it_may(cast, user, may, await key_of(user, scopes))


# --- ops ---


def commands(cast: Cast) -> dict[str, tuple[dict[str, Any], str]]:
    return {
        "get-time": ({}, "time"),
        "get-status": ({}, "status"),
        "kick": ({"user": str(cast.guest.pk)}, "kicked"),
        "disconnect": ({"connection_id": "witness"}, "disconnected"),
        "announce": ({"message": "Hello"}, "announced"),
        "bye": ({}, "closing"),
    }


@pytest.mark.parametrize("who", PEOPLE)
async def test_staff_command_and_nobody_else_even_looks(cast: Cast, who: str) -> None:
    user = getattr(cast, who)
    async with at(OPS, user) as socket, at(BELL, cast.owner, connection_id="witness") as witness:
        if who == "staff":
            for type_, (fields, answer) in commands(cast).items():
                assert (await said(socket, type=type_, **fields))["type"] == answer
            assert await socket.closed() == 1000
            assert await witness.closed() == 4403
        else:
            async with asyncio.timeout(TIMEOUT):  # who looks on is never without a status
                assert await socket.closed() == 4403
            for type_, (fields, _) in commands(cast).items():
                await socket.send(type=type_, **fields)
            assert [frame["code"] for frame in socket.frames] == ["forbidden"]
            assert await witness.quiet() == []
    assert await AuditEntry.objects.acount() == (3 if who == "staff" else 0)


def test_every_frame_is_in_a_table(cast: Cast) -> None:
    """Whoever adds one says here who may send it."""
    assert chat.frames.keys() <= IN_ROOMS.keys() | ALWAYS
    assert notifications.frames.keys() == {"mark-read", "mark-all-read"} | ALWAYS
    assert topics.frames.keys() == {"subscribe", "publish", "unsubscribe"} | ALWAYS
    assert ops.frames.keys() == commands(cast).keys() | ALWAYS
