"""The room socket, frame by frame."""

import pytest
from asgiref.sync import sync_to_async
from channels.routing import URLRouter
from django.urls import path

from chat import actions
from chat.consumers import RoomConsumer
from chat.models import Membership, Room
from realtime.limits import Rates
from tests.cast import Cast
from tests.rooms import post, stored
from tests.sockets import connected, in_room

pytestmark = pytest.mark.django_db(transaction=True)


# --- messages ---


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


# --- the other frames ---


async def test_typing_is_heard_by_the_others_only_and_at_most_every_two_seconds(
    cast: Cast,
) -> None:
    now = 0.0
    room = URLRouter([path("ws/chat/<slug>/", RoomConsumer.as_asgi(rates=Rates(lambda: now)))])
    async with (
        connected(room, "/ws/chat/open/", cast.member) as typist,
        connected(room, "/ws/chat/open/", cast.member) as second_tab,
        connected(room, "/ws/chat/open/", cast.owner) as other,
    ):
        for moment in (0.0, 0.5, 1.9, 2.0, 4.0):  # by whichever of their sockets
            now = moment
            for socket in (typist, second_tab):
                await socket.send(type="typing")
                await socket.quiet()
        heard = [frame for frame in await other.quiet() if frame["type"] == "typing"]
        me = {"type": "typing", "from": {"id": str(cast.member.pk), "name": "Member"}}
        assert heard == [me, me, me]
        assert not [f for f in typist.frames + second_tab.frames if f["type"] == "typing"]


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
