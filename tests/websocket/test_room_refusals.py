"""What the room socket refuses: bad frames, too large ones, too many."""

from typing import Any

import pytest
from channels.routing import URLRouter
from django.urls import path

from chat.consumers import RoomConsumer
from realtime.limits import Rates
from tests.cast import Cast
from tests.rooms import stored
from tests.sockets import connected, in_room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "message", "text": "x" * 8001}, "too_long"),
        ({"type": "message", "text": ""}, "bad_frame"),
        ({"type": "message", "text": " \n"}, "bad_frame"),
        ({"type": "message", "text": 1}, "bad_frame"),
        ({"type": "message"}, "bad_frame"),
        ({"type": "message", "text": "hi", "attachments": [1]}, "unsupported"),
        ({"type": "message", "text": "hi", "reply_to": 1}, "unsupported"),
        ({"type": "message", "text": "hi", "from": {"id": "1"}}, "bad_frame"),
        ({"type": "edit", "target": 1, "text": "x"}, "unsupported"),
        ({"type": "delete", "target": 1}, "unsupported"),
        ({"type": "react", "target": 1, "emoji": "👍", "op": "add"}, "unsupported"),
        ({"type": "shout"}, "unknown_type"),
        ({"type": "history", "limit": 201}, "bad_frame"),
        ({"type": "history", "limit": 0}, "bad_frame"),
        ({"type": "history", "before": 1, "after": 1}, "bad_frame"),
        ({"type": "read", "seq": -1}, "bad_frame"),
        ({"type": "read", "seq": True}, "bad_frame"),
        ({"type": "event", "name": "", "data": 1}, "bad_frame"),
        ({"type": "typing", "from": "me"}, "bad_frame"),
    ],
)
async def test_a_bad_frame_gets_its_error_and_changes_nothing(
    cast: Cast, frame: dict[str, Any], code: str
) -> None:
    if frame["type"] == "message":
        frame = {"client_id": "c", **frame}
    before = await stored(cast.open_room)
    async with in_room("open", cast.member) as socket, in_room("open", cast.owner) as other:
        await socket.send(**frame, ref="r")
        error = await socket.until("error")
        assert (error["code"], error["ref"]) == (code, "r")
        assert error.get("client_id") == frame.get("client_id")
        assert error["message"]
        await socket.quiet()
        assert {frame["type"] for frame in await other.quiet()} <= {"presence"}
    assert await stored(cast.open_room) == before


async def test_a_message_of_8000_characters_is_taken(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send(type="message", text="é" * 8000, client_id="1")
        assert len((await socket.until("message"))["text"]) == 8000


async def test_twenty_malformed_frames_in_a_minute_close_with_4400(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        for _ in range(19):
            await socket.send_text("{")
            assert (await socket.until("error"))["code"] == "bad_frame"
        await socket.send(type="ping")
        await socket.until("pong")
        await socket.send_text("{")
        assert await socket.closed() == 4400


async def test_a_frame_of_more_than_64_kib_closes_with_4413(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send_text('{"type":"ping","ref":"' + "é" * 33_000 + '"}')
        assert (await socket.until("error"))["code"] == "too_long"
        assert await socket.closed() == 4413


async def test_binary_is_unsupported_and_the_socket_stays_open(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send_bytes(b"\x00")
        assert (await socket.until("error"))["code"] == "unsupported"
        await socket.quiet()


# --- too many ---


async def test_messages_beyond_the_rate_are_refused_on_all_sockets_of_a_person(
    cast: Cast, settings: Any
) -> None:
    settings.LIMIT_MESSAGES_PER_SECOND = 0.01
    app = URLRouter([path("ws/chat/<slug:slug>/", RoomConsumer.as_asgi(rates=Rates()))])

    def at(user: Any) -> Any:
        return connected(app, f"/ws/chat/{cast.open_room.slug}/", user)

    async with at(cast.member) as one, at(cast.member) as two:
        await one.send(type="message", text="a", client_id="1")
        await one.until("sent")
        for socket in (one, two):
            await socket.send(type="message", text="b", client_id="2", ref="r")
            error = await socket.until("error")
            assert (error["code"], error["client_id"], error["ref"]) == ("rate_limited", "2", "r")
            assert 80 < error["retry_after"] <= 100
        async with at(cast.owner) as other:
            await other.send(type="message", text="c", client_id="1")
            await other.until("sent")


async def test_new_names_count_with_the_messages_of_a_person(cast: Cast, settings: Any) -> None:
    settings.LIMIT_MESSAGES_PER_SECOND = 0.01
    async with (
        in_room("open", cast.member) as socket,
        in_room("public", cast.member) as second_tab,
    ):
        await socket.send(type="set-name", name="Zoë")
        await socket.until("you")
        await second_tab.send(type="set-name", name="Chloë", ref="r")
        error = await second_tab.until("error")
        assert (error["code"], error["ref"], error["retry_after"] > 50) == (
            "rate_limited",
            "r",
            True,
        )
        await socket.send(type="message", text="hi", client_id="1")
        assert (await socket.until("error"))["code"] == "rate_limited"
