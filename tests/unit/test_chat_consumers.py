"""What happens to a room's socket while it is being let in, and beside it."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError

from accounts.actions import rename
from chat import access, actions, consumers, standing
from chat.consumers import RoomConsumer
from chat.marks import Mark
from chat.models import Room
from chat.read_queue import ReadQueue
from chat.reads import ReadBoard
from realtime import sweep
from realtime.hub import hubs
from realtime.presence import presences
from realtime.publish import tell
from realtime.testing import TIMEOUT
from tests.cast import Cast
from tests.sockets import in_room

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unhurried")]


class Door:
    """`room_for`, which waits at the door, after it has looked."""

    Entry = access.Entry

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()

    def room_for(self, user: Any, slug: str) -> Room:
        room = access.room_for(user, slug)
        self.reached.set()
        assert self.open.wait(TIMEOUT)
        return room


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    door = Door()
    monkeypatch.setattr(consumers, "access", door)
    return door


async def test_whoever_is_removed_while_entering_does_not_get_in(
    cast: Cast, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enter() -> tuple[dict[str, Any], int]:
        async with in_room("private", cast.member) as socket:
            return socket.frames[0], await socket.closed()

    entering = asyncio.create_task(enter())
    assert await asyncio.to_thread(door.reached.wait, TIMEOUT)
    (consumer,) = hubs.get().sockets
    ended = asyncio.Event()
    monkeypatch.setattr(consumer, "end", lambda why: (RoomConsumer.end(consumer, why), ended.set()))
    await sync_to_async(actions.leave_room)(room=cast.private_room, user=cast.member)
    await asyncio.wait_for(ended.wait(), TIMEOUT)
    door.open.set()
    first, code = await entering
    assert (first["type"], first["code"], code) == ("error", "forbidden", 4403)


async def test_a_look_at_who_still_waits_for_a_place_puts_nobody_out(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis may take half a second to count the user's sockets."""
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_: RoomConsumer) -> None:
        arrived.set()
        await go_on.wait()

    monkeypatch.setattr(RoomConsumer, "_take_place", wait)

    async def enter() -> Any:
        async with in_room("open", cast.member) as socket:
            return socket.frames[0]

    entering = asyncio.create_task(enter())
    await asyncio.wait_for(arrived.wait(), TIMEOUT)
    (consumer,) = hubs.get().sockets
    assert await sync_to_async(lambda: list(standing.check([consumer])))() == []
    go_on.set()
    assert (await entering)["type"] == "welcome"


async def test_a_notice_that_comes_while_one_is_entering_breaks_nothing(
    cast: Cast, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, last = RoomConsumer.told, asyncio.Event()

    def hear(consumer: RoomConsumer, notice: str, details: Any) -> None:
        told(consumer, notice, details)
        if notice == "unheard-of":
            last.set()

    monkeypatch.setattr(RoomConsumer, "told", hear)

    async def enter() -> Any:
        async with in_room("open", cast.member) as socket:
            return socket.welcome

    entering = asyncio.create_task(enter())
    assert await asyncio.to_thread(door.reached.wait, TIMEOUT)
    tell("removed", {str(cast.member.pk): {"room": "elsewhere"}})
    tell("renamed", {str(cast.member.pk): {"id": str(cast.member.pk), "name": "Zoë"}})
    tell("unheard-of", {str(cast.member.pk): None})
    await asyncio.wait_for(last.wait(), TIMEOUT)
    door.open.set()
    assert (await entering)["you"]["name"] == "Zoë"


async def test_a_new_name_is_that_of_all_ones_sockets_to_whoever_comes_next(cast: Cast) -> None:
    async with (
        in_room("open", cast.member) as renamed,
        in_room("public", cast.member) as second_tab,
    ):
        await renamed.send(type="set-name", name="Zoë")
        await renamed.until("you")
        # Once Redis knows it, too.
        await second_tab.until("presence", joined=[{"id": str(cast.member.pk), "name": "Zoë"}])
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


async def test_what_was_read_before_is_not_asked_about_again_and_what_failed_is(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, kept = ReadQueue.put, []

    async def fails_once(self: ReadQueue, mark: Mark, *, slug: str) -> None:
        kept.append(mark.seq)
        if len(kept) == 1:
            raise OperationalError("away")
        await put(self, mark, slug=slug)

    monkeypatch.setattr(ReadQueue, "put", fails_once)
    async with in_room("open", cast.member) as reader:
        head = reader.welcome["seq"]
        for seq in (head, head, head, 1):
            await reader.send(type="read", seq=seq)
        assert (await reader.until("error"))["code"] == "unavailable"
        await reader.quiet()
    assert kept == [head, head]


async def test_who_reads_is_not_told_in_a_large_room(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "NAMED_LIMIT", 1)
    noted: list[int] = []
    monkeypatch.setattr(ReadBoard, "note", lambda *given: noted.append(given[-1]))
    async with (
        in_room("open", cast.owner),
        in_room("open", cast.member) as reader,
        in_room("public", cast.member) as alone,
    ):
        for socket in (reader, alone):
            await socket.send(type="read", seq=1)
            await socket.quiet()
    assert len(noted) == 1  # where one is alone


async def test_a_room_that_goes_while_one_is_in_it_is_not_found(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_checks", [])  # nobody is put out before they have asked
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
