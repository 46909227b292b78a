"""The room socket, frame by frame."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from chat import actions
from chat.models import Event, Membership, Room
from tests.cast import Cast
from tests.sockets import in_room

pytestmark = pytest.mark.django_db(transaction=True)


@sync_to_async
def stored(room: Room) -> list[tuple[int, str]]:
    return list(Event.objects.filter(room=room).order_by("seq").values_list("seq", "kind"))


@sync_to_async
def post(room: Room, author: Any, count: int = 1) -> None:
    for _ in range(count):
        number = Event.objects.count()
        actions.post_message(room=room, author=author, text=f"m{number}", client_id=f"c{number}")


async def test_welcome_says_who_and_where_one_is(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        head = (await stored(cast.open_room))[-1][0]
        assert socket.welcome["you"] == {"id": str(cast.member.pk), "name": "Member"}
        assert socket.welcome["room"] == "open"
        assert socket.welcome["seq"] == head
        assert socket.welcome["online"] == 1
        assert socket.welcome["protocol"] == 1
        assert socket.welcome["connection_id"]


async def test_a_message_is_acknowledged_stored_and_heard_by_all(cast: Cast) -> None:
    async with in_room("open", cast.member) as author, in_room("open", cast.owner) as other:
        await author.send(type="message", text="<b>hi</b>", client_id="1", ref="r")
        sent = await author.until("sent")
        mine, theirs = await author.until("message"), await other.until("message")
    assert sent == {
        "type": "sent",
        "ref": "r",
        "client_id": "1",
        "seq": mine["seq"],
        "timestamp": mine["timestamp"],
    }
    assert mine == theirs
    assert mine["from"] == {"id": str(cast.member.pk), "name": "Member"}
    assert mine["text"] == "<b>hi</b>"
    assert mine["html"] == "<p>&lt;b&gt;hi&lt;/b&gt;</p>"
    assert mine["client_id"] == "1"
    assert (mine["reply_to"], mine["attachments"], mine["mentions"]) == (None, [], [])
    assert (mine["seq"], "message") in await stored(cast.open_room)


async def test_sent_comes_before_the_message(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        for number in range(5):
            await socket.send(type="message", text="hi", client_id=str(number))
        for _ in range(5):
            await socket.until("message")
        kinds = [(f["type"], f["seq"]) for f in socket.frames if f["type"] in {"sent", "message"}]
    assert all(kinds.index(("sent", s)) < kinds.index(("message", s)) for _, s in kinds)


async def test_a_repeated_client_id_gets_the_first_answer_whatever_its_text(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send(type="message", text="first", client_id="same")
        first = await socket.until("sent")
        await socket.send(type="message", text="second", client_id="same")
        assert await socket.until("sent") == first
        assert [kind for _, kind in await stored(cast.open_room)].count("message") == 1


async def test_two_authors_may_use_the_same_client_id(cast: Cast) -> None:
    async with in_room("open", cast.member) as one, in_room("open", cast.owner) as two:
        await one.send(type="message", text="a", client_id="same")
        await two.send(type="message", text="b", client_id="same")
        assert (await one.until("sent"))["seq"] != (await two.until("sent"))["seq"]


async def test_posts_that_are_sent_at_once_are_kept_in_order_without_holes(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        for number in range(100):
            await socket.send(type="message", text=str(number), client_id=str(number))
        texts = [(await socket.until("message"))["text"] for _ in range(100)]
    assert texts == [str(number) for number in range(100)]
    seqs = [seq for seq, _ in await stored(cast.open_room)]
    assert seqs == list(range(1, len(seqs) + 1))


async def test_rooms_are_isolated(cast: Cast) -> None:
    async with in_room("open", cast.member) as here, in_room("public", cast.member) as elsewhere:
        await here.send(type="message", text="hi", client_id="1")
        await here.until("message")
        await here.send(type="typing")
        await here.send(type="event", name="move", data=1)
        await here.until("sent")
        assert {frame["type"] for frame in await elsewhere.quiet()} <= {"presence"}


# --- coming in ---


@pytest.mark.parametrize(
    ("who", "slug", "enters"),
    [
        ("member", "private", True),
        ("stranger", "private", False),
        ("guest", "private", False),
        ("staff", "private", False),
        ("stranger", "public", True),
        ("guest", "public", False),
        ("guest", "open", True),
        ("stranger", "open", True),
        ("member", "nowhere", False),
    ],
)
async def test_who_may_enter_which_room(cast: Cast, who: str, slug: str, enters: bool) -> None:
    async with in_room(slug, getattr(cast, who)) as socket:
        if enters:
            assert socket.welcome
        else:
            assert await socket.closed() == 4404


async def test_a_hidden_room_looks_like_none(cast: Cast) -> None:
    async with (
        in_room("private", cast.stranger) as hidden,
        in_room("nowhere", cast.stranger) as none,
    ):
        assert hidden.frames == none.frames
        assert await hidden.closed() == await none.closed() == 4404


async def test_nobody_enters_without_a_credential(cast: Cast) -> None:
    async with in_room("open", None) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await socket.closed() == 4401


async def test_a_bad_credential_is_refused(cast: Cast) -> None:
    async with in_room("open", cast.member, refused="The token has expired.") as socket:
        assert socket.frames[0]["message"] == "The token has expired."
        assert await socket.closed() == 4401


async def test_any_other_path_is_closed_with_4404(cast: Cast) -> None:
    async with in_room("a/b", cast.member) as socket:
        assert await socket.closed() == 4404


# --- recovery ---


async def test_after_0_gives_the_whole_log_then_live_frames(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.send(type="message", text="live", client_id="1")
        await socket.until("message", text="live")
    log = await stored(cast.open_room)
    assert socket.durable == [seq for seq, _ in log] == list(range(1, len(log) + 1))


async def test_after_gives_what_was_missed_and_nothing_twice(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    head = (await stored(cast.open_room))[-1][0]
    async with in_room("open", cast.member, after=head - 2) as socket:
        await post(cast.open_room, cast.owner)
        await socket.until("message", seq=head + 1)
        await socket.quiet()
    assert socket.durable == [head - 1, head, head + 1]


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
        assert socket.durable == []


@pytest.mark.parametrize("missed", [1000, 1001])
async def test_more_than_1000_behind_is_a_resync(cast: Cast, missed: int) -> None:
    await sync_to_async(fill)(cast.open_room, missed)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.quiet()
        if missed <= 1000:
            assert socket.durable == list(range(1, missed + 1))
        else:
            assert socket.durable == []
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


# --- the other frames ---


async def test_typing_is_heard_by_the_others_only_and_at_most_every_two_seconds(
    cast: Cast,
) -> None:
    async with (
        in_room("open", cast.member) as typist,
        in_room("open", cast.member) as second_tab,
        in_room("open", cast.owner) as other,
    ):
        for _ in range(3):
            await typist.send(type="typing")
        await typist.quiet()
        heard = [frame for frame in await other.quiet() if frame["type"] == "typing"]
        assert heard == [{"type": "typing", "from": {"id": str(cast.member.pk), "name": "Member"}}]
        assert not [f for f in await second_tab.quiet() if f["type"] == "typing"]


async def test_an_event_reaches_the_others_and_its_sender_gets_sent(cast: Cast) -> None:
    async with in_room("open", cast.member) as sender, in_room("open", cast.owner) as other:
        await sender.send(type="event", name="move", data={"x": [1, 2]}, ref="7")
        assert await sender.until("sent") == {"type": "sent", "ref": "7"}
        event = await other.until("event")
        assert event["from"]["id"] == str(cast.member.pk)
        assert (event["name"], event["data"]) == ("move", {"x": [1, 2]})
        assert not [f for f in await sender.quiet() if f["type"] == "event"]
        assert "event" not in {kind for _, kind in await stored(cast.open_room)}


async def test_an_event_of_more_than_4_kib_is_too_long(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send(type="event", name="move", data="x" * 4095)
        assert (await socket.until("error"))["code"] == "too_long"
        await socket.send(type="event", name="move", data="x" * 4094)
        await socket.until("sent")


async def test_a_new_name_is_told_to_the_room_and_used_from_then_on(cast: Cast) -> None:
    async with (
        in_room("open", cast.member) as socket,
        in_room("public", cast.member) as second_tab,
        in_room("open", cast.owner) as other,
    ):
        await socket.send(type="set-name", name="  Zoë ")
        person = {"id": str(cast.member.pk), "name": "Zoë"}
        assert (await socket.until("you"))["you"] == person
        system = await other.until("system")
        assert system["message"] == "Member is now known as Zoë"
        await socket.send(type="message", text="hi", client_id="1")
        assert (await other.until("message"))["from"] == person
        await second_tab.send(type="message", text="hi", client_id="2")
        assert (await second_tab.until("message"))["from"] == person


@pytest.mark.parametrize(
    ("name", "code"),
    [("", "bad_frame"), ("   ", "bad_frame"), ("a\nb", "bad_frame"), ("a\u202eb", "bad_frame"),
     ("x" * 51, "too_long")],
)  # fmt: skip
async def test_a_name_that_is_none_changes_nothing(cast: Cast, name: str, code: str) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send(type="set-name", name=name, ref="r")
        error = await socket.until("error")
        assert (error["code"], error["ref"]) == (code, "r")
        await socket.send(type="message", text="hi", client_id="1")
        assert (await socket.until("message"))["from"]["name"] == "Member"


async def test_reading_is_kept_and_told_to_the_room(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 3)
    head = (await stored(cast.open_room))[-1][0]
    async with in_room("open", cast.member) as reader, in_room("open", cast.owner) as other:
        await reader.send(type="read", seq=head - 1)
        told = await other.until("read")
    assert told["reads"] == [
        {"user": {"id": str(cast.member.pk), "name": "Member"}, "seq": head - 1}
    ]
    membership = await Membership.objects.aget(room=cast.open_room, user=cast.member)
    room = await Room.objects.aget(pk=cast.open_room.pk)
    assert membership.read_seq == head - 1
    assert room.message_count - membership.read_messages == 1


async def test_a_read_mark_goes_neither_back_nor_beyond_the_head(cast: Cast) -> None:
    await post(cast.open_room, cast.owner, 2)
    head = (await stored(cast.open_room))[-1][0]
    async with in_room("open", cast.member) as socket:
        for seq in (head + 100, 1):
            await socket.send(type="read", seq=seq)
        await socket.quiet()
    membership = await Membership.objects.aget(room=cast.open_room, user=cast.member)
    assert membership.read_seq == head


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


async def test_pong_tells_the_time_and_the_head(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send(type="ping", ref="1")
        pong = await socket.until("pong")
        assert pong["ref"] == "1"
        assert pong["seq"] == socket.welcome["seq"]
        assert pong["timestamp"].endswith("Z")


async def test_presence_tells_who_came_and_went_and_counts_people_not_sockets(cast: Cast) -> None:
    async with in_room("open", cast.owner) as socket:
        await socket.until("presence")  # one's own coming
        async with in_room("open", cast.member) as first, in_room("open", cast.member) as second:
            assert first.welcome["online"] == second.welcome["online"] == 2
            came = await socket.until("presence")
        went = await socket.until("presence")
    person = {"id": str(cast.member.pk), "name": "Member"}
    assert (came["joined"], came["left"], came["online"]) == ([person], [], 2)
    assert (went["joined"], went["left"], went["online"]) == ([], [person], 1)


async def test_leaving_a_private_room_closes_ones_sockets_there(cast: Cast) -> None:
    async with in_room("private", cast.member) as gone, in_room("private", cast.owner) as stays:
        await sync_to_async(actions.leave_room)(room=cast.private_room, user=cast.member)
        assert await gone.closed() == 4403
        assert (await stays.until("member"))["op"] == "leave"
        await stays.send(type="message", text="hi", client_id="1")
        await stays.until("message")


# --- bad input ---


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
        assert (await socket.next())["code"] == "too_long"
        assert await socket.closed() == 4413


async def test_binary_is_unsupported_and_the_socket_stays_open(cast: Cast) -> None:
    async with in_room("open", cast.member) as socket:
        await socket.send_bytes(b"\x00")
        assert (await socket.until("error"))["code"] == "unsupported"
        await socket.quiet()


async def test_a_page_of_large_events_is_cut_and_says_so(cast: Cast) -> None:
    await sync_to_async(fill)(cast.open_room, 30)
    large = '{"type":"message","text":"' + "x" * 60_000 + '"}'
    await Event.objects.filter(room=cast.open_room).aupdate(payload=large)
    async with in_room("open", cast.member) as socket:
        await socket.send(type="history", limit=30)
        answer = await socket.until("history")
        assert 1 < len(answer["events"]) < 10
        assert answer["has_more"]


async def test_large_events_that_were_missed_all_come(cast: Cast) -> None:
    await sync_to_async(fill)(cast.open_room, 100)
    large = '{"type":"message","seq":1,"text":"' + "x" * 60_000 + '"}'
    await Event.objects.filter(room=cast.open_room).aupdate(payload=large)
    async with in_room("open", cast.member, after=0) as socket:
        await socket.quiet()
        assert len(socket.durable) == 100
