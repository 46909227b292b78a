"""Every person, every room socket, every frame: who may, and what the others see."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat import access, actions, moderation
from chat.consumers import RoomConsumer
from chat.models import Event
from realtime import sweep
from realtime.hub import hubs
from tests.cast import Cast
from tests.sockets import Socket, in_room, own_seconds

pytestmark = pytest.mark.django_db(transaction=True)

SLUGS = ["open", "public", "private"]
SEEN = {
    "stranger": {"open", "public"},
    "guest": {"open"},
    "member": {"open", "public", "private"},
    "moderator": {"open", "public", "private"},
    "owner": {"open", "public", "private"},
    "staff": {"open", "public"},
    "banned": set(),
}
FRAMES: dict[str, tuple[dict[str, Any], str | None]] = {
    "message": ({"text": "hi", "client_id": "c"}, "sent"),
    "event": ({"name": "move", "data": {}}, "sent"),
    "history": ({}, "history"),
    "set-name": ({"name": "Zoë"}, "you"),
    "ping": ({}, "pong"),
    "typing": ({}, None),
    "read": ({"seq": 1}, None),
}


async def refusal(slug: str, user: Any) -> list[Any]:
    async with in_room(slug, user) as socket:
        code = await socket.closed()
    return [*socket.frames, code]


@pytest.mark.parametrize("who", SEEN)
async def test_whoever_is_let_in_may_say_everything_and_the_others_find_no_room(
    cast: Cast, who: str
) -> None:
    user = getattr(cast, who)
    missing = await refusal("nowhere", user)
    assert missing[-1] == 4404
    for slug in SLUGS:
        if slug not in SEEN[who]:
            assert await refusal(slug, user) == missing
            continue
        async with in_room(slug, user) as socket:
            for type_, (fields, answer) in FRAMES.items():
                await socket.send(type=type_, **fields)
                if answer:
                    await socket.until(answer)
            assert not [frame for frame in await socket.quiet() if frame["type"] == "error"]


async def test_who_shows_nothing_is_refused_alike_in_every_room(cast: Cast) -> None:
    missing = await refusal("nowhere", None)
    assert missing[-1] == 4401
    for slug in SLUGS:
        assert await refusal(slug, None) == missing


GOINGS = {
    "kicked": lambda room, cast: moderation.kick(room=room, by=cast.owner, user=cast.member),
    "banned": lambda room, cast: moderation.ban(room=room, by=cast.owner, user=cast.member),
    "left": lambda room, cast: actions.leave_room(room=room, user=cast.member),
}


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("going", GOINGS)
async def test_who_was_put_out_is_out_of_that_room_at_once_and_of_no_other(
    cast: Cast, going: str, slug: str, by_word_alone: None
) -> None:
    if going == "left" and slug != "private":
        return  # a public room is read by anybody
    room = await sync_to_async(access.room_for)(cast.member, slug)
    elsewhere = "public" if slug == "open" else "open"
    async with (
        in_room(slug, cast.member) as goes,
        in_room(slug, cast.member) as goes_too,
        in_room(elsewhere, cast.member) as stays,
        in_room(slug, cast.owner) as other,
    ):
        await sync_to_async(GOINGS[going])(room, cast)
        for socket in (goes, goes_too):
            with own_seconds(1):
                assert (await socket.until("error"))["code"] == "forbidden"
                assert await socket.closed() == 4403
        await other.send(type="message", text="Gone?", client_id="c")
        await other.until("message")
        await stays.quiet()
        for socket in (goes, goes_too):
            assert not [frame for frame in socket.frames if frame["type"] == "message"]


@pytest.mark.parametrize("going", GOINGS)
async def test_while_no_word_has_come_neither_posts_nor_history_are_to_be_had(
    cast: Cast, going: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notice was lost and no sweep has been: the socket is open."""
    monkeypatch.setattr(sweep, "_checks", [])
    room = cast.private_room
    async with in_room("private", cast.member) as socket:
        await sync_to_async(GOINGS[going])(room, cast)
        await socket.send(type="message", text="Still here", client_id="late", ref="r")
        error = await socket.until("error")
        assert (error["code"], error["client_id"]) == ("not_found", "late")
        await socket.send(type="history")
        assert (await socket.until("history"))["events"] == []
        await socket.quiet()
    assert not await Event.objects.filter(client_id="late").aexists()


async def test_who_was_put_out_of_a_public_room_comes_again_and_posts(cast: Cast) -> None:
    async with in_room("public", cast.member) as socket:
        await sync_to_async(GOINGS["kicked"])(cast.public_room, cast)
        assert await socket.closed() == 4403
    async with in_room("public", cast.member) as socket:
        await socket.send(type="message", text="Again", client_id="again")
        await socket.until("sent")


async def test_after_a_post_the_others_removal_is_not_asked_about_again(cast: Cast) -> None:
    async with in_room("public", cast.owner) as socket:
        (consumer,) = (one for one in hubs.get().sockets if isinstance(one, RoomConsumer))
        await sync_to_async(GOINGS["kicked"])(cast.public_room, cast)
        await socket.send(type="message", text="hi", client_id="1")
        sent = await socket.until("sent")
        assert consumer.entry.since == sent["seq"]


async def send_all(socket: Socket) -> None:
    for type_, (fields, _) in FRAMES.items():
        await socket.send(type=type_, **fields)


async def test_what_was_on_its_way_when_one_was_banned_changes_nothing(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket, in_room("open", cast.owner) as other:
        await sync_to_async(GOINGS["banned"])(cast.open_room, cast)
        await socket.closed()
        await send_all(socket)
        heard = {frame["type"] for frame in await other.quiet()}
    assert heard <= {"member", "presence"}
    assert not await Event.objects.filter(author=cast.member, kind="message").aexists()
