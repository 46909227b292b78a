"""A client hears that what it missed is gone: never a silent hole."""

from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.core.management import call_command
from django.db import transaction

from accounts.queries import person
from chat import actions
from chat.posting import Post
from notifications.actions import notify
from notifications.routing import websocket_urlpatterns
from tests.cast import Cast
from tests.sockets import connected, durable, in_room

pytestmark = pytest.mark.django_db(transaction=True)

inboxes = URLRouter(websocket_urlpatterns)


@sync_to_async
def say(cast: Cast, count: int) -> None:
    for _ in range(count):
        client_id = uuid4().hex
        actions.post_message(room=cast.open_room, author=cast.owner, text="hi", client_id=client_id)


@sync_to_async
def prune(*words: str, **options: Any) -> None:
    call_command("prune", *words, **options)


@sync_to_async
@transaction.atomic
def store_and_prune(posts: list[Post], *, keep: int) -> None:
    """At one stroke: nobody can look in between."""
    actions.store_messages(posts)
    call_command("prune", "rooms", keep=keep)


def bell(user: Any, after: int) -> Any:
    return connected(inboxes, f"/ws/notifications/?after={after}", user)


async def test_who_missed_what_is_gone_gets_a_resync_and_then_what_is_left(cast: Cast) -> None:
    await say(cast, 4)  # 3 to 6
    await prune("rooms", keep=2)
    async with in_room("open", cast.member, after=1) as socket:
        assert await socket.until("resync") == {"type": "resync", "seq": 4}
        assert durable(socket) == []
        await socket.until("message", seq=6)
        await say(cast, 1)
        await socket.until("message", seq=7)
        assert durable(socket) == [5, 6, 7]


async def test_who_missed_only_what_is_left_gets_it_without_a_word_more(cast: Cast) -> None:
    await say(cast, 4)
    await prune("rooms", keep=2)
    async with in_room("open", cast.member, after=4) as socket:
        await socket.until("message", seq=6)
        assert durable(socket) == [5, 6]
        assert "resync" not in [frame["type"] for frame in socket.frames]


async def test_where_all_is_gone_the_resync_leads_to_the_head(cast: Cast) -> None:
    await say(cast, 4)
    await prune("rooms", keep=0)
    async with in_room("open", cast.member, after=2) as socket:
        assert (await socket.until("resync"))["seq"] == 6
        await say(cast, 1)
        assert (await socket.until("message"))["seq"] == 7


async def test_who_is_live_and_heard_of_nothing_before_it_was_gone_is_told(cast: Cast) -> None:
    """Two are stored, no hint arrives, and they are pruned before anybody looks."""
    async with in_room("open", cast.member) as socket:
        await store_and_prune([post(cast, "1"), post(cast, "2")], keep=1)
        await say(cast, 1)
        assert (await socket.until("resync"))["seq"] == 3
        await socket.until("message", seq=5)
        assert durable(socket) == [4, 5]


def post(cast: Cast, client_id: str) -> Post:
    return Post(
        room_id=cast.open_room.pk,
        author=cast.owner,
        person=person(cast.owner),
        text="hi",
        client_id=client_id,
        entered_at=cast.open_room.head,
    )


async def test_history_ends_at_what_is_left_and_says_when_it_was_asked_for_more(
    cast: Cast,
) -> None:
    await say(cast, 4)
    await prune("rooms", keep=2)
    async with in_room("open", cast.member) as socket:
        await socket.send(type="history")
        answer = await socket.until("history")
        assert ([event["seq"] for event in answer["events"]], answer["has_more"]) == ([5, 6], False)
        await socket.send(type="history", after=4)
        answer = await socket.until("history")
        assert [event["seq"] for event in answer["events"]] == [5, 6]
        await socket.send(type="history", after=3, ref="r")
        answer = await socket.until("error")
        assert (answer["code"], answer["ref"]) == ("not_found", "r")


async def test_open_rooms_hear_that_less_is_unread(cast: Cast) -> None:
    await say(cast, 4)
    async with bell(cast.member, 0) as socket:
        await prune("rooms", keep=1)
        told = await socket.until("room-unread")
        assert (told["room"], told["unread"]) == ("open", 1)


async def test_an_inbox_says_what_is_gone_and_that_less_is_unread(cast: Cast) -> None:
    for number in range(3):
        await sync_to_async(notify)(to=cast.member, kind="generic", title=f"n{number}", message="")
    async with bell(cast.member, 3) as socket:
        await prune("inboxes", keep=1)
        update = await socket.until("notification-update", seq=4)
        assert (len(update["ids"]), update["read"], update["unread"]) == (2, True, 1)
    async with bell(cast.member, 1) as socket:
        assert socket.welcome["unread"] == 1
        assert (await socket.until("resync"))["seq"] == 2
        assert (await socket.until("notification"))["title"] == "n2"
        await socket.until("notification-update", seq=4)
