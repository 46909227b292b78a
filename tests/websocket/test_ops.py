"""`/ws/ops/`: who may look, what is done, and to whom."""

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from channels.routing import URLRouter
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.urls import path

from chat.routing import websocket_urlpatterns as chat
from notifications.queries import unread_count
from notifications.routing import websocket_urlpatterns as notifications
from ops import access, actions
from ops import consumers as module
from ops.consumers import OpsConsumer
from ops.models import AuditEntry
from ops.routing import websocket_urlpatterns as ops
from realtime import database, reports
from realtime.echo import EchoConsumer
from realtime.frames import Person
from realtime.hub import hubs
from realtime.per_loop import PerLoop
from realtime.report_store import Report
from realtime.testing import TIMEOUT
from tests.cast import Cast
from tests.sockets import Socket, connected

router = URLRouter([*chat, *notifications, *ops, path("ws/echo/", EchoConsumer.as_asgi())])


def at_ops(user: Any, **scope: Any) -> Any:
    return connected(router, "/ws/ops/", user, **scope)


def at_the_bell(user: Any) -> Any:
    return connected(router, "/ws/notifications/", user)


def in_room(cast: Cast, user: Any) -> Any:
    return connected(router, f"/ws/chat/{cast.open_room.slug}/", user)


def person(user: Any) -> dict[str, str]:
    return {"id": str(user.pk), "name": user.username.title()}


async def ended(socket: Socket) -> int:
    """The close code. An open socket is never quiet here, so a limit is needed."""
    async with asyncio.timeout(TIMEOUT):
        return await socket.closed()


async def answer(socket: Socket, **frame: Any) -> dict[str, Any]:
    """What is said to a frame, by its `ref`."""
    await socket.send(**frame, ref="r")
    while (said := await socket.next()).get("ref") != "r":
        assert said["type"] != "close", said
    return said


async def audit() -> list[AuditEntry]:
    return await database.run(lambda: list(AuditEntry.objects.order_by("pk")))


# --- who ---


@pytest.mark.parametrize("who", ["owner", "member", "guest", "stranger"])
async def test_who_is_not_staff_is_closed_with_4403_and_sees_nothing(cast: Cast, who: str) -> None:
    async with at_ops(getattr(cast, who)) as socket:
        assert socket.frames[0]["code"] == "forbidden"
        assert await ended(socket) == 4403
        assert [frame["type"] for frame in socket.frames] == ["error"]


async def test_who_shows_nothing_is_closed_with_4401(cast: Cast) -> None:
    async with at_ops(None) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await ended(socket) == 4401


async def test_a_bad_credential_is_closed_with_4401(cast: Cast) -> None:
    async with at_ops(None, refused="The ticket is not valid.") as socket:
        assert await ended(socket) == 4401


async def test_staff_who_were_locked_out_meanwhile_do_not_get_in(cast: Cast) -> None:
    await database.run(get_user_model().objects.filter(pk=cast.staff.pk).update, is_active=False)
    async with at_ops(cast.staff) as socket:
        assert await ended(socket) == 4403


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "announce", "message": "Hello"},
        {"type": "kick", "user": "1"},
        {"type": "disconnect", "connection_id": "x"},
    ],
)
async def test_who_is_no_longer_staff_does_nothing_more(cast: Cast, frame: Any) -> None:
    async with at_ops(cast.staff) as socket, at_the_bell(cast.owner) as other:
        users = get_user_model().objects.filter(pk=cast.staff.pk)
        await database.run(users.update, is_staff=False)
        await socket.send(**frame)
        assert await ended(socket) == 4403
        assert await other.quiet() == []
    assert await audit() == []


async def test_who_is_no_longer_staff_soon_sees_nothing_more(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATUS_INTERVAL", 0.01)
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.02)
    async with at_ops(cast.staff) as socket:
        users = get_user_model().objects.filter(pk=cast.staff.pk)
        await database.run(users.update, is_staff=False)
        assert await ended(socket) == 4403


async def test_staff_go_on_looking_while_the_database_is_away(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATUS_INTERVAL", 0.01)
    monkeypatch.setattr(module, "CHECK_INTERVAL", 0.0)
    asked = asyncio.Event()
    async with at_ops(cast.staff) as socket:
        loop = asyncio.get_running_loop()

        def away(_: Any) -> bool:
            loop.call_soon_threadsafe(asked.set)
            raise OperationalError("away")

        monkeypatch.setattr(access, "still_may_operate", away)
        await asyncio.wait_for(asked.wait(), TIMEOUT)
        for _ in range(3):
            await socket.until("status")
        assert (await answer(socket, type="announce", message="x"))["code"] == "unavailable"


# --- looking ---


async def test_a_status_comes_at_once_and_again_each_second(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATUS_INTERVAL", 0.02)
    async with at_ops(cast.staff) as socket, in_room(cast, cast.owner), at_the_bell(cast.guest):
        welcome = socket.welcome
        assert (welcome["you"], welcome["protocol"]) == (person(cast.staff), 1)
        # With one worker: a report of the test before may be left, up to the end of its lease.
        status = await socket.until("status", connections=3, rooms=1, workers=1)
        assert status.keys() == {
            "type", "uptime", "connections", "rooms", "memory_mb", "messages_per_second", "workers",
        }  # fmt: skip
        assert status["memory_mb"] > 10
        later = await socket.until("status")
        assert later["uptime"] >= status["uptime"] > 0


async def test_messages_are_counted_and_repeats_are_not(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr(reports, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(reports, "INTERVAL", 60)  # measured when the test says so
    async with at_ops(cast.staff) as socket, in_room(cast, cast.owner) as room:
        for number in range(20):
            await room.send(type="message", text="hi", client_id=str(number))
            await room.send(type="message", text="hi", client_id="0")
        for _ in range(40):
            await room.until("sent")
        now += 10
        reports.reporters.get()._measure()
        await socket.until("status", messages_per_second=2.0)


async def test_time_and_status_are_told_when_asked(cast: Cast) -> None:
    async with at_ops(cast.staff) as socket:
        await socket.until("status", workers=1)  # no report of the test before is left
        assert (await answer(socket, type="get-time"))["timestamp"].endswith("Z")
        status = await answer(socket, type="get-status")
        assert (status["type"], status["connections"]) == ("status", 1)
        assert (await answer(socket, type="ping"))["type"] == "pong"


async def test_nobody_watches_after_a_socket_went(cast: Cast) -> None:
    async with at_ops(cast.staff) as socket:
        await socket.until("status")
        (consumer,) = hubs.get().sockets
    assert consumer._watching.cancelling()  # type: ignore[attr-defined]


async def test_bye_is_answered_and_closed_with_1000(cast: Cast) -> None:
    async with at_ops(cast.staff) as socket:
        assert (await answer(socket, type="bye"))["code"] == 1000
        assert await socket.closed() == 1000


# --- doing ---


async def test_kick_ends_all_sockets_of_the_person_and_no_other(cast: Cast) -> None:
    async with (
        at_ops(cast.staff) as staff,
        in_room(cast, cast.member) as room,
        at_the_bell(cast.member) as bell,
        connected(router, "/ws/echo/", cast.member) as echo,
        in_room(cast, cast.owner) as other,
    ):
        done = await answer(staff, type="kick", user=str(cast.member.pk), reason=" Spam ")
        assert (done["type"], done["user"]) == ("kicked", person(cast.member))
        for socket in (room, bell):
            error = await socket.until("error")
            assert (error["code"], error["message"][-4:]) == ("forbidden", "Spam")
        for socket in (room, bell, echo):
            assert await socket.closed() == 4403
        await other.quiet()
        await staff.quiet()
    (entry,) = await audit()
    assert (entry.who_id, entry.who_name, entry.what) == (str(cast.staff.pk), "Staff", "kick")
    assert (entry.whom_id, entry.whom_name) == (str(cast.member.pk), "Member")
    assert entry.words == "Spam"


async def test_disconnect_ends_one_socket_and_says_whose_it_was(cast: Cast) -> None:
    async with (
        at_ops(cast.staff) as staff,
        in_room(cast, cast.member) as room,
        at_the_bell(cast.member) as bell,
    ):
        connection_id = room.welcome["connection_id"]
        done = await answer(staff, type="disconnect", connection_id=connection_id)
        assert (done["type"], done["connection_id"]) == ("disconnected", connection_id)
        assert done["user"] == person(cast.member)
        assert (await room.until("error"))["code"] == "forbidden"
        assert await room.closed() == 4403
        await bell.quiet()
    (entry,) = await audit()
    assert (entry.what, entry.whom_name) == ("disconnect", "Member")
    assert entry.connection_id == connection_id


async def test_a_nameless_echo_can_be_disconnected(cast: Cast) -> None:
    async with at_ops(cast.staff) as staff, connected(router, "/ws/echo/") as echo:
        connection_id = echo.welcome["connection_id"]
        done = await answer(staff, type="disconnect", connection_id=connection_id)
        assert "user" not in done
        assert await echo.closed() == 4403


async def test_an_announcement_reaches_every_socket_but_the_echo(cast: Cast) -> None:
    async with (
        at_ops(cast.staff) as staff,
        in_room(cast, cast.guest) as room,
        at_the_bell(cast.stranger) as bell,
        connected(router, "/ws/echo/", cast.member) as echo,
    ):
        done = await answer(staff, type="announce", message="  Cake <b>at</b> four 🎂 ")
        assert (done["type"], done["message"]) == ("announced", "Cake <b>at</b> four 🎂")
        announcement = {
            "type": "announcement",
            "message": "Cake <b>at</b> four 🎂",
            "from": person(cast.staff),
        }
        for socket in (room, bell):
            assert await socket.until("announcement") == announcement
        if announcement not in staff.frames:  # it may come before the answer, or after it
            assert await staff.until("announcement") == announcement
        await echo.send_text("?")
        assert (await echo.next())["data"].endswith(": ?")
    (entry,) = await audit()
    assert (entry.what, entry.words) == ("announce", "Cake <b>at</b> four 🎂")


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "kick", "user": "0"}, "not_found"),
        ({"type": "kick", "user": "nobody"}, "not_found"),
        ({"type": "kick", "user": "9" * 64}, "not_found"),
        ({"type": "kick", "user": "1", "reason": "x" * 201}, "too_long"),
        ({"type": "disconnect", "connection_id": "nobody's"}, "not_found"),
        ({"type": "announce", "message": " \n "}, "bad_frame"),
        ({"type": "announce", "message": "x" * 1001}, "too_long"),
    ],
)
async def test_what_cannot_be_done_is_answered_and_not_in_the_log(
    cast: Cast, frame: Any, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIND_TIMEOUT", 0.05)
    async with at_ops(cast.staff) as staff:
        said = await answer(staff, **frame)
        assert (said["type"], said["code"]) == ("error", code)
        await staff.quiet()
    assert await audit() == []


async def test_an_answer_that_comes_late_is_not_taken_for_another(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIND_TIMEOUT", 0.05)
    async with at_ops(cast.staff) as staff:
        (consumer,) = hubs.get().sockets
        await staff.send(type="disconnect", connection_id="second", ref="r")
        async with asyncio.timeout(TIMEOUT):
            while consumer._sought is None:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0)
        consumer.told("found", {"connection_id": "first", "person": None})  # type: ignore[attr-defined]
        async with asyncio.timeout(TIMEOUT):
            assert (await staff.until("error", ref="r"))["code"] == "not_found"
        consumer.told("found", {"connection_id": "second", "person": None})  # type: ignore[attr-defined]
        await staff.quiet()


POISON: list[str] = [
    "{", "[]", "null", '"x"', "NaN", '{"type":"kick"}', '{"type":"kick","user":1}',
    '{"type":"kick","user":""}', '{"type":"kick","user":"' + "1" * 65 + '"}',
    '{"type":"kick","user":["1"]}', '{"type":"kick","user":"1","user":"2"}',
    '{"type":"kick","user":"1","all":true}', '{"type":"kick","user":"1","reason":null}',
    '{"type":"kick","user":"1\\u0000"}', '{"type":"announce"}', '{"type":"announce","message":1}',
    '{"type":"announce","message":"\\ud800"}', '{"type":"announce","message":{"a":"b"}}',
]  # fmt: skip


async def test_malformed_frames_are_refused_and_do_nothing(cast: Cast) -> None:
    async with at_ops(cast.staff) as staff, at_the_bell(cast.owner) as other:
        for text in POISON:
            await staff.send_text(text)
            assert (await staff.until("error"))["code"] == "bad_frame", text
        await staff.send_bytes(b"\x00")
        assert (await staff.until("error"))["code"] == "unsupported"
        await staff.quiet()
        assert await other.quiet() == []
    assert await audit() == []


@pytest.mark.parametrize("type_", ["message", "kick-all", "subscribe", "Kick"])
async def test_a_frame_of_another_socket_is_unknown_here(cast: Cast, type_: str) -> None:
    async with at_ops(cast.staff) as staff:
        assert (await answer(staff, type=type_))["code"] == "unknown_type"


async def test_what_is_announced_before_a_welcome_comes_after_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    count: Callable[[Any], int] = unread_count
    async with at_ops(cast.staff) as staff:

        def announcing(user: Any) -> int:
            actions.announce(by=Person(id="1", name="S"), message="Early")
            return count(user)

        monkeypatch.setattr("notifications.queries.unread_count", announcing)
        async with at_the_bell(cast.owner) as bell:
            assert bell.welcome["type"] == "welcome"
            assert (await bell.next())["message"] == "Early"
        await staff.until("announcement")


async def test_a_status_is_made_of_the_reports_that_the_consumer_is_given(cast: Cast) -> None:
    report = Report(uptime=9.0, connections=7, rooms=["a"], memory_mb=1.0, messages_per_second=2.0)

    class Fixed:
        async def all(self) -> list[Report]:
            return [report, report]

    app = OpsConsumer.as_asgi(reporters=PerLoop(Fixed))
    async with connected(app, "/ws/ops/", cast.staff) as socket:
        status = await socket.until("status")
    assert (status["connections"], status["rooms"], status["workers"]) == (14, 1, 2)
