"""What is past of a room comes in order and once: what was missed, and pages of history."""

import pytest
from asgiref.sync import sync_to_async

from chat.models import Event, Room
from tests.cast import Cast
from tests.rooms import post, stored
from tests.sockets import durable, in_room

pytestmark = pytest.mark.django_db(transaction=True)


def fill(room: Room, head: int) -> None:
    """Bring the room's log to `head` without the cost of posting."""
    Event.objects.filter(room=room).delete()
    Event.objects.bulk_create(
        Event(
            room=room,
            seq=seq,
            kind="message",
            timestamp=room.created_at,
            payload=f'{{"type":"message","seq":{seq}}}',
        )
        for seq in range(1, head + 1)
    )
    Room.objects.filter(pk=room.pk).update(head=head, message_count=head)


# --- recovery ---


async def test_after_0_gives_the_whole_log_then_live_frames(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.send(type="message", text="live", client_id="1")
        await socket.until("message", text="live")
    log = await stored(cast.open_room)
    assert durable(socket) == [seq for seq, _ in log] == list(range(1, len(log) + 1))


async def test_after_gives_what_was_missed_and_nothing_twice(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    head = (await stored(cast.open_room))[-1][0]
    async with in_room("open", cast.member, after=head - 2) as socket:
        await post(cast.open_room, cast.owner)
        await socket.until("message", seq=head + 1)
        await socket.quiet()
    assert durable(socket) == [head - 1, head, head + 1]


async def test_recovered_frames_are_equal_to_the_live_ones(cast: Cast) -> None:
    async with in_room("open", cast.member) as live:
        await live.send(type="message", text="**hé** 😀", client_id="1")
        message = await live.until("message")
    async with in_room("open", cast.member, after=message["seq"] - 1) as late:
        assert await late.until("message") == message


async def test_without_after_nothing_of_the_past_comes(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    async with in_room("open", cast.member) as socket:
        await socket.quiet()
        assert durable(socket) == []


@pytest.mark.parametrize("missed", [1000, 1001])
async def test_more_than_1000_behind_is_a_resync(cast: Cast, missed: int) -> None:
    await sync_to_async(fill)(cast.open_room, missed)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.quiet()
        if missed <= 1000:
            assert durable(socket) == list(range(1, missed + 1))
        else:
            assert durable(socket) == []
            assert socket.frames[1] == {"type": "resync", "seq": missed}


async def test_after_beyond_the_head_is_a_resync_then_live_frames(cast: Cast) -> None:
    head = (await stored(cast.open_room))[-1][0]
    async with in_room("open", cast.member, after=head + 5) as socket:
        assert await socket.next() == {"type": "resync", "seq": head}
        await post(cast.open_room, cast.owner)
        await socket.until("message", seq=head + 1)


@pytest.mark.parametrize("after", ["", "x", "-1", "1.5", "\u0661", "9" * 17, "1&after=2", "0x1"])
async def test_an_unreadable_after_closes_with_4400(cast: Cast, after: str) -> None:
    async with in_room("open", cast.member, after=after) as socket:
        assert socket.frames[0]["code"] == "bad_frame"
        assert await socket.closed() == 4400


async def test_large_events_that_were_missed_all_come(cast: Cast) -> None:
    await sync_to_async(fill)(cast.open_room, 100)
    large = '{"type":"message","seq":1,"text":"' + "x" * 60_000 + '"}'
    await Event.objects.filter(room=cast.open_room).aupdate(payload=large)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.quiet()
        assert len(durable(socket)) == 100


# --- history ---


async def test_history_pages_in_both_directions(cast: Cast) -> None:
    await sync_to_async(fill)(cast.open_room, 10)
    async with in_room("open", cast.member) as socket:

        async def page(**query: int) -> tuple[list[int], bool]:
            await socket.send(type="history", **query)
            answer = await socket.until("history")
            return [event["seq"] for event in answer["events"]], answer["has_more"]

        assert await page(before=11, limit=4) == ([7, 8, 9, 10], True)
        assert await page(before=4, limit=3) == ([1, 2, 3], False)
        assert await page(before=1, limit=3) == ([], False)
        assert await page(after=0, limit=3) == ([1, 2, 3], True)
        assert await page(after=7, limit=3) == ([8, 9, 10], False)
        assert await page(limit=2) == ([9, 10], True)


async def test_a_page_of_large_events_is_cut_and_says_so(cast: Cast) -> None:
    await sync_to_async(fill)(cast.open_room, 30)
    large = '{"type":"message","text":"' + "x" * 60_000 + '"}'
    await Event.objects.filter(room=cast.open_room).aupdate(payload=large)
    async with in_room("open", cast.member) as socket:
        await socket.send(type="history", limit=30)
        answer = await socket.until("history")
        assert 1 < len(answer["events"]) < 10
        assert answer["has_more"]
