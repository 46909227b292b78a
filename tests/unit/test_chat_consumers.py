"""What happens to a room's socket while it is being let in, and beside it."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async

from accounts.actions import rename
from chat import access, actions, consumers
from chat.models import Room
from realtime.presence import presences
from realtime.publish import tell
from tests.cast import Cast
from tests.sockets import in_room

pytestmark = pytest.mark.django_db(transaction=True)


class Door:
    """`room_for`, which waits at the door, after it has looked."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def room_for(self, user: Any, slug: str) -> Room:
        room = access.room_for(user, slug)
        self.reached.set()
        self.open.wait(5)
        return room


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    door = Door()
    monkeypatch.setattr(consumers, "access", door)
    return door


async def test_whoever_is_removed_while_entering_does_not_get_in(cast: Cast, door: Door) -> None:
    async def enter() -> tuple[dict[str, Any], int]:
        async with in_room("private", cast.member) as socket:
            return socket.frames[0], await socket.closed()

    entering = asyncio.create_task(enter())
    await asyncio.to_thread(door.reached.wait, 5)
    await sync_to_async(actions.leave_room)(room=cast.private_room, user=cast.member)
    door.open.set()
    first, code = await entering
    assert (first["type"], first["code"], code) == ("error", "forbidden", 4403)


async def test_a_notice_that_comes_while_one_is_entering_breaks_nothing(
    cast: Cast, door: Door
) -> None:
    async def enter() -> Any:
        async with in_room("open", cast.member) as socket:
            return socket.welcome

    entering = asyncio.create_task(enter())
    await asyncio.to_thread(door.reached.wait, 5)
    tell("removed", {str(cast.member.pk): {"room": "elsewhere"}})
    tell("renamed", {str(cast.member.pk): {"id": str(cast.member.pk), "name": "Zoë"}})
    tell("unheard-of", {str(cast.member.pk): None})
    await asyncio.sleep(0.01)
    door.open.set()
    assert (await entering)["you"]["name"] == "Zoë"


async def test_a_new_name_is_that_of_all_ones_sockets_to_whoever_comes_next(cast: Cast) -> None:
    async with (
        in_room("open", cast.member) as renamed,
        in_room("public", cast.member),
    ):
        await renamed.send(type="set-name", name="Zoë")
        await renamed.until("you")
        await renamed.quiet()
        async with in_room("public", cast.owner) as newcomer:
            names = {person["name"] for person in newcomer.welcome["people"]}
            assert names == {"Zoë", "Owner"}


async def test_a_name_changed_outside_of_a_socket_reaches_those_that_are_open(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await sync_to_async(rename)(user=cast.member, name="Zoë")
        await socket.quiet()
        group = f"room.{cast.open_room.pk}"
        assert presences.get()._here[group].people[str(cast.member.pk)].name == "Zoë"
        await socket.send(type="message", text="hi", client_id="1")
        assert (await socket.until("message"))["from"]["name"] == "Zoë"


async def test_what_others_are_told_one_has_read_never_goes_back(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.reads.INTERVAL", 0.05)
    for number in range(3):
        await sync_to_async(actions.post_message)(
            room=cast.open_room, author=cast.owner, text="hi", client_id=str(number)
        )
    async with in_room("open", cast.member) as reader, in_room("open", cast.owner) as other:
        head = reader.welcome["seq"]
        for seq in (head - 1, 1):
            await reader.send(type="read", seq=seq)
        assert (await other.until("read"))["reads"][0]["seq"] == head - 1
        for seq in (2, head):
            await reader.send(type="read", seq=seq)
        assert (await other.until("read"))["reads"][0]["seq"] == head


async def test_a_read_mark_beyond_the_head_is_told_as_the_head(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.reads.INTERVAL", 0.02)
    async with in_room("open", cast.member) as reader:
        await reader.send(type="read", seq=2**53)
        assert (await reader.until("read"))["reads"] == [
            {"user": {"id": str(cast.member.pk), "name": "Member"}, "seq": reader.welcome["seq"]}
        ]


async def test_who_reads_is_not_told_in_a_large_room(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.reads.INTERVAL", 0.02)
    monkeypatch.setattr(consumers, "NAMED_LIMIT", 1)
    async with in_room("open", cast.member) as reader, in_room("open", cast.owner):
        await reader.send(type="read", seq=1)
        await reader.quiet()
        await asyncio.sleep(0.05)
        assert "read" not in {frame["type"] for frame in await reader.quiet()}


async def test_a_room_that_goes_while_one_is_in_it_is_not_found(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await sync_to_async(cast.open_room.delete)()
        await socket.send(type="message", text="hi", client_id="c", ref="r")
        error = await socket.until("error")
        assert (error["code"], error["ref"], error["client_id"]) == ("not_found", "r", "c")
        await socket.send(type="read", seq=1)
        assert "error" not in {frame["type"] for frame in await socket.quiet()}


async def test_a_name_in_the_frames_is_never_that_of_the_client(cast: Cast) -> None:
    async with in_room("open", cast.guest) as socket:
        frame = {"type": "event", "name": "move", "data": {"from": {"id": "1", "name": "Owner"}}}
        await socket.send_text(msgspec.json.encode(frame).decode())
        await socket.send(type="message", text="hi", client_id="1")
        you = {"id": str(cast.guest.pk), "name": "Guest", "guest": True}
        assert (await socket.until("message"))["from"] == you
