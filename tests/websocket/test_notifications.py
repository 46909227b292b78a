import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts.queries import person
from accounts.scopes import Scope
from notifications import actions
from notifications.consumers import NotificationConsumer
from notifications.groups import inbox_group
from notifications.models import InboxEntry
from notifications.queries import unread_count
from realtime import database
from realtime.credentials import Credential
from realtime.hub import hubs
from tests.cast import Cast
from tests.sockets import connected, durable

app = NotificationConsumer.as_asgi()


def inbox_of(user: Any, *, after: int | str | None = None) -> Any:
    query = "" if after is None else f"?after={after}"
    return connected(app, f"/ws/notifications/{query}", user)


async def notify(*to: Any, **fields: Any) -> str:
    given = {"kind": "generic", "title": "Title", "message": "Message"}
    made = await database.run(actions.notify, to=to, **given | fields)
    return made[0].public_id


async def unread_of(user: Any) -> int:
    return await database.run(unread_count, user)


async def stored(user: Any) -> list[str]:
    def read() -> list[str]:
        rows = InboxEntry.objects.filter(inbox__user=user).order_by("seq")
        return list(rows.values_list("payload", flat=True))

    return await database.run(read)


def seqs(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["seq"] for frame in frames]


async def test_a_first_look_opens_an_empty_inbox(cast: Cast) -> None:
    async with inbox_of(cast.stranger) as socket:
        connection_id = socket.welcome.pop("connection_id")
        assert connection_id
        assert socket.welcome == {
            "type": "welcome",
            "you": {"id": str(cast.stranger.pk), "name": "Stranger"},
            "seq": 0,
            "unread": 0,
            "protocol": 1,
        }


async def test_a_guest_has_an_inbox_too(cast: Cast) -> None:
    async with inbox_of(cast.guest) as socket:
        assert socket.welcome["you"]["guest"] is True
        await notify(cast.guest)
        assert (await socket.until("notification"))["unread"] == 1


async def test_who_is_not_signed_in_is_closed_with_4401(cast: Cast) -> None:
    async with inbox_of(None) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await socket.closed() == 4401


async def test_a_notification_arrives_live_as_it_is_stored(cast: Cast) -> None:
    async with inbox_of(cast.owner) as socket:
        notification_id = await notify(cast.owner, action_url="/here/", data={"a": 1})
        frame = await socket.until("notification")
    assert frame["id"] == notification_id
    assert (frame["seq"], frame["unread"]) == (1, 1)
    assert (frame["action_url"], frame["data"]) == ("/here/", {"a": 1})
    assert list(frame)[:3] == ["type", "seq", "timestamp"]


async def test_what_came_while_away_is_there_in_order_and_then_live(cast: Cast) -> None:
    for _ in range(3):
        await notify(cast.owner)
    async with inbox_of(cast.owner, after=1) as socket:
        assert (socket.welcome["seq"], socket.welcome["unread"]) == (3, 3)
        await notify(cast.owner)
        await socket.until("notification", seq=4)
        assert durable(socket) == [2, 3, 4]
    async with inbox_of(cast.owner, after=0) as socket:
        await socket.until("notification", seq=4)
        assert durable(socket) == [1, 2, 3, 4]


async def test_without_after_only_what_is_new_comes(cast: Cast) -> None:
    await notify(cast.owner)
    async with inbox_of(cast.owner) as socket:
        assert socket.welcome["unread"] == 1
        await notify(cast.owner)
        await socket.until("notification", seq=2)
        assert durable(socket) == [2]


async def test_an_after_beyond_the_head_is_told_to_reload(cast: Cast) -> None:
    await notify(cast.owner)
    async with inbox_of(cast.owner, after=7) as socket:
        assert (await socket.next()) == {"type": "resync", "seq": 1}


async def test_an_unreadable_after_is_closed_with_4400(cast: Cast) -> None:
    async with inbox_of(cast.owner, after="x") as socket:
        assert await socket.closed() == 4400


async def test_sockets_opened_while_notifications_come_miss_nothing(cast: Cast) -> None:
    async def watch() -> list[int]:
        async with inbox_of(cast.owner, after=0) as socket:
            await socket.until("notification", seq=20)
            return durable(socket)

    async def send() -> None:
        for _ in range(20):
            await notify(cast.owner)

    async with asyncio.TaskGroup() as group:
        group.create_task(send())
        watchers = [group.create_task(watch()) for _ in range(3)]
    assert [watcher.result() for watcher in watchers] == [list(range(1, 21))] * 3


async def test_all_sockets_of_a_person_hear_what_one_of_them_read(cast: Cast) -> None:
    notification_id = await notify(cast.owner)
    async with AsyncExitStack() as stack:
        acting, other = [await stack.enter_async_context(inbox_of(cast.owner)) for _ in range(2)]
        await acting.send(type="mark-read", ids=[notification_id])
        for socket in (acting, other):
            update = await socket.until("notification-update")
            assert (update["ids"], update["read"]) == ([notification_id], True)
            assert (update["seq"], update["unread"]) == (2, 0)
    assert await unread_of(cast.owner) == 0


async def test_reading_again_changes_and_tells_nothing(cast: Cast) -> None:
    notification_id = await notify(cast.owner)
    async with inbox_of(cast.owner) as socket:
        await socket.send(type="mark-read", ids=[notification_id])
        await socket.until("notification-update")
        await socket.send(type="mark-read", ids=[notification_id])
        assert await socket.quiet() == []


async def test_all_are_read_up_to_what_was_seen(cast: Cast) -> None:
    for _ in range(3):
        await notify(cast.owner)
    async with inbox_of(cast.owner) as socket:
        await socket.send(type="mark-all-read", up_to=2)
        update = await socket.until("notification-update")
        assert (len(update["ids"]), update["unread"]) == (2, 1)
    assert await unread_of(cast.owner) == 1


async def test_another_person_hears_nothing(cast: Cast) -> None:
    async with inbox_of(cast.owner) as mine, inbox_of(cast.stranger) as theirs:
        notification_id = await notify(cast.owner)
        await mine.until("notification")
        await mine.send(type="mark-read", ids=[notification_id])
        await mine.until("notification-update")
        actions.tell_room_unread(room="general", counts={str(cast.owner.pk): 1})
        await mine.until("room-unread")
        assert await theirs.quiet() == []


async def test_what_is_not_ones_own_is_not_found_and_stays_unread(cast: Cast) -> None:
    theirs = await notify(cast.stranger)
    mine = await notify(cast.owner)
    async with inbox_of(cast.owner) as socket:
        for unknown in (theirs, "x" * 32):
            await socket.send(type="mark-read", ids=[mine, unknown], ref="r")
            error = await socket.until("error")
            assert (error["code"], error["ref"]) == ("not_found", "r")
        assert await socket.quiet() == []
    assert await unread_of(cast.owner) == await unread_of(cast.stranger) == 1


MALFORMED: list[dict[str, Any]] = [
    {"type": "mark-read"},
    {"type": "mark-read", "ids": []},
    {"type": "mark-read", "ids": ["x"] * 501},
    {"type": "mark-read", "ids": "x"},
    {"type": "mark-read", "ids": [1]},
    {"type": "mark-read", "ids": ["x" * 65]},
    {"type": "mark-read", "ids": ["x"], "user": "1"},
    {"type": "mark-all-read"},
    {"type": "mark-all-read", "up_to": -1},
    {"type": "mark-all-read", "up_to": 1.5},
    {"type": "mark-all-read", "up_to": None},
    {"type": "mark-all-read", "up_to": 2**60},
]


async def test_malformed_frames_are_refused_and_the_socket_lives(cast: Cast) -> None:
    await notify(cast.owner)
    async with inbox_of(cast.owner) as socket:
        for frame in MALFORMED:
            await socket.send(**frame)
            assert (await socket.until("error"))["code"] == "bad_frame", frame
        await socket.send(type="ping")
        assert (await socket.until("pong"))["seq"] == 1
    assert await unread_of(cast.owner) == 1


async def test_a_frame_of_another_socket_is_unknown_here(cast: Cast) -> None:
    async with inbox_of(cast.owner) as socket:
        await socket.send(type="message", text="hello", client_id="c")
        assert (await socket.until("error"))["code"] == "unknown_type"


async def test_what_is_unread_in_a_room_reaches_all_sockets_of_the_person(cast: Cast) -> None:
    async with inbox_of(cast.owner) as one, inbox_of(cast.owner) as two:
        actions.tell_room_unread(room="general", counts={str(cast.owner.pk): 3})
        for socket in (one, two):
            assert await socket.until("room-unread") == {
                "type": "room-unread",
                "room": "general",
                "unread": 3,
                "mentions": 0,
            }
            assert "seq" not in socket.frames[-1]


async def test_what_is_told_before_the_welcome_comes_after_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_while_told(user: Any) -> int:
        actions.tell_room_unread(room="general", counts={str(user.pk): 1})
        return unread_count(user)

    monkeypatch.setattr("notifications.queries.unread_count", count_while_told)
    async with inbox_of(cast.owner) as socket:
        assert socket.welcome["unread"] == 0
        assert (await socket.next())["type"] == "room-unread"


async def test_the_unread_that_is_heard_equals_the_database(cast: Cast) -> None:
    async with inbox_of(cast.owner) as socket:
        seen = [await notify(cast.owner) for _ in range(3)]
        await socket.send(type="mark-read", ids=seen[1:])
        await socket.until("notification-update")
        await notify(cast.owner)
        await socket.until("notification", seq=5)
        await socket.send(type="mark-all-read", up_to=4)
        last = await socket.until("notification-update")
        assert last["unread"] == await unread_of(cast.owner) == 1
        assert durable(socket) == list(range(1, 7))
        assert len(await stored(cast.owner)) == 6


async def test_a_socket_that_left_is_followed_no_more(cast: Cast) -> None:
    async with inbox_of(cast.owner):
        inbox_id = await database.run(actions.open_inbox, user=cast.owner)
        group = hubs.get().group(inbox_group(inbox_id))
        assert group
        assert not group.empty
    assert group.empty


async def test_no_api_key_reads_a_persons_notifications(cast: Cast) -> None:
    every = frozenset(scope.value for scope in Scope)
    found = await sync_to_async(person)(cast.member)
    key = Credential(user=cast.member, person=found, kind="api-key", scopes=every)
    async with connected(app, "/ws/notifications/", credential=key) as socket:
        assert socket.frames[0]["code"] == "forbidden"
        assert await socket.closed() == 4403
