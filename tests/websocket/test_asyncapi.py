"""Every frame that is described is driven: what is sent is as described, what is heard is taken."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from jsonschema import Draft202012Validator

from chat.models import Room
from chatsite.routing import sockets
from notifications.actions import notify
from realtime import database
from realtime.frames import Announcement, Person
from realtime.hub import hubs
from realtime.publish import announce
from realtime.testing import Socket
from tests.cast import Cast
from tests.sockets import connected, renewable

pytestmark = pytest.mark.django_db(transaction=True)

SOMEBODY = Person(id="0", name="Somebody")


class Channel:
    """One channel of the document, and what has been seen of it."""

    def __init__(self, document: Any, name: str) -> None:
        self._document = document
        self._messages = document["channels"][name]["messages"]
        self.heard: set[str] = set()

    def described(self, side: str) -> set[str]:
        return {name for name in self._messages if name.startswith(f"{side}.")}

    def check(self, side: str, frame: dict[str, Any]) -> None:
        """Raises KeyError for a frame that is not described, ValidationError for another shape."""
        name = f"{side}.{frame['type']}"
        self.heard.add(name)
        payload = self._messages[name]["payload"]
        Draft202012Validator({**payload, "components": self._document["components"]}).validate(
            frame
        )

    def check_all(self, *clients: Socket) -> None:
        for client in clients:
            for frame in client.frames:
                self.check("server", frame)
        assert self.heard == self.described("client") | self.described("server")


def strict(schema: Any) -> Any:
    """Nothing but what is named; a client is told that fields may be added, a test is not."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema["additionalProperties"] = False
        for child in schema.values():
            strict(child)
    if isinstance(schema, list):
        for child in schema:
            strict(child)
    return schema


@pytest.fixture(scope="module")
def document() -> Any:
    document = deepcopy(Client().get("/api/asyncapi.json").json())
    strict(document["components"]["schemas"])
    return document


@pytest.fixture
def channel(document: Any, request: pytest.FixtureRequest) -> Iterator[Channel]:
    return Channel(document, request.param)


def for_channel(name: str) -> Any:
    return pytest.mark.parametrize("channel", [name], indirect=True)


def at(path: str, user: Any) -> Any:
    return connected(sockets, path, user, credential=renewable(user))


async def say(channel: Channel, socket: Socket, answer: str, **frame: Any) -> dict[str, Any]:
    """Say what is described as to be said, and hear the answer, which repeats `ref`."""
    channel.check("client", frame)
    await socket.send(**frame, ref="r")
    return await socket.until(answer, ref="r")


async def hear(channel: Channel, socket: Socket, **frame: Any) -> None:
    """Say what has no answer, and hear that it was not refused."""
    channel.check("client", frame)
    await socket.send(**frame, ref="taken")
    assert not [f for f in await socket.quiet() if f["type"] == "error"]


async def seen(socket: Socket, type_: str) -> None:
    """Wait for such a frame, unless one came while something else was awaited."""
    if type_ not in {frame["type"] for frame in socket.frames}:
        await socket.until(type_)


async def common(channel: Channel, socket: Socket) -> None:
    """What there is on every socket that speaks the protocol."""
    await say(channel, socket, "pong", type="ping")
    await say(channel, socket, "refreshed", type="refresh", access="new")
    announce(Announcement(message="Hello", from_=SOMEBODY))
    await socket.until("announcement")
    await socket.send(type="no such type")
    await socket.until("error")


async def restarted(socket: Socket) -> None:
    for consumer in list(hubs.get().sockets):
        consumer.restart(1.5)
    await socket.until("closing", code=4503)
    assert await socket.closed() == 4503


@for_channel("chat")
async def test_a_room_speaks_as_described(cast: Cast, channel: Channel) -> None:
    path = f"/ws/chat/{cast.open_room.slug}/"
    async with at(f"{path}?after=99", cast.owner) as owner, at(path, cast.member) as member:
        await owner.until("resync")
        await common(channel, owner)
        await seen(owner, "presence")
        await say(channel, owner, "sent", type="message", text="*Hi*", client_id="1")
        await say(channel, owner, "sent", type="event", name="move", data={"x": [1, None]})
        await say(channel, owner, "you", type="set-name", name="Queen")
        await hear(channel, owner, type="typing")
        await hear(channel, owner, type="read", seq=3)
        await member.until("typing")
        await member.until("read")
        await say_over_http(cast)
        await owner.until("member")
        await owner.until("room")
        page = await say(channel, owner, "history", type="history", after=0, limit=200)
        assert {event["type"] for event in page["events"]} == {"message", "member", "room"}
        await say(channel, owner, "history", type="history", before=3)
        await restarted(owner)
    channel.check_all(owner, member)


async def say_over_http(cast: Cast) -> None:
    """A moderator changes the room and puts somebody in and out."""

    def call() -> None:
        client = Client()
        client.force_login(cast.owner)
        base = f"/api/rooms/{cast.open_room.slug}/"
        json = {"content_type": "application/json"}
        body = {"user": str(cast.stranger.pk)}
        assert client.post(f"{base}members/", body, **json).status_code == 201
        assert client.delete(f"{base}members/?user={cast.stranger.pk}").status_code == 204
        assert client.patch(base, {"topic": "Tea"}, **json).status_code == 200

    await database.run(call)
    assert await database.run(lambda: Room.objects.get(pk=cast.open_room.pk).topic) == "Tea"


@for_channel("notifications")
async def test_notifications_speak_as_described(cast: Cast, channel: Channel) -> None:
    async with (
        at("/ws/notifications/?after=99", cast.member) as member,
        at(f"/ws/chat/{cast.open_room.slug}/", cast.owner) as room,
    ):
        await member.until("resync")
        await common(channel, member)
        given = {"kind": "generic", "title": "T", "message": "M", "data": {"a": [1]}}
        await database.run(notify, to=[cast.member], **given)
        notification = await member.until("notification")
        await hear(channel, member, type="mark-read", ids=[notification["id"]])
        await hear(channel, member, type="mark-all-read", up_to=notification["seq"])
        await room.send(type="message", text="Hi", client_id="1")
        await member.until("room-unread")
        await restarted(member)
    channel.check_all(member)


@for_channel("topics")
async def test_topics_speak_as_described(cast: Cast, channel: Channel) -> None:
    async with at("/ws/topics/", cast.member) as member:
        await common(channel, member)
        first = await say(channel, member, "subscribed", type="subscribe", topic="tea")
        await say(channel, member, "published", type="publish", topic="tea", data={"cups": 2})
        place = {"after": 0, "epoch": first["epoch"]}
        again = await say(channel, member, "subscribed", type="subscribe", topic="tea", **place)
        assert again["recovered"] is True
        await member.until("publication")
        await say(channel, member, "unsubscribed", type="unsubscribe", topic="tea")
        await member.send(type="subscribe", topic="user:0:x")
        await member.until("error", topic="user:0:x")
        await restarted(member)
    channel.check_all(member)


@for_channel("ops")
async def test_ops_speak_as_described(cast: Cast, channel: Channel) -> None:
    async with (
        at("/ws/ops/", cast.staff) as staff,
        at("/ws/topics/", cast.member) as one,
        at("/ws/topics/", cast.guest) as other,
    ):
        await common(channel, staff)
        await say(channel, staff, "time", type="get-time")
        await say(channel, staff, "status", type="get-status")
        await say(channel, staff, "announced", type="announce", message="Tea")
        kick = {"type": "kick", "user": str(cast.member.pk), "reason": "Noise"}
        await say(channel, staff, "kicked", **kick)
        connection_id = other.welcome["connection_id"]
        cut = {"type": "disconnect", "connection_id": connection_id}
        await say(channel, staff, "disconnected", **cut)
        assert {await one.closed(), await other.closed()} == {4403}
        await say(channel, staff, "closing", type="bye")
        assert await staff.closed() == 1000
    channel.check_all(staff)


@for_channel("echo")
async def test_the_echo_speaks_as_described(cast: Cast, channel: Channel) -> None:
    async with connected(sockets, "/ws/echo/") as echo, at("/ws/echo/", cast.member) as ended:
        consumer = next(c for c in hubs.get().sockets if not c.person_id)  # type: ignore[attr-defined]
        consumer.restart(1.5)
        await echo.until("closing", code=4503)
        other = next(c for c in hubs.get().sockets if c.person_id)  # type: ignore[attr-defined]
        other._too_slow()
        assert await ended.closed() == 4508
    async with connected(sockets, "/ws/echo/", refused="The ticket is not valid.") as refused:
        assert await refused.closed() == 4401
    channel.check_all(echo, ended, refused)
