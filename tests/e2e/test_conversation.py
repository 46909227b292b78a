"""People on different workers are in one room."""

from tests.e2e.client import call, connected
from tests.e2e.conftest import Served
from tests.measured import assert_below
from tests.stopwatch import Stopwatch


async def test_people_on_different_workers_hear_each_other(served: Served) -> None:
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        assert at_ben.welcome["online"] == 2
        assert at_ben.welcome["people"] in ([ann.person, ben.person], [ben.person, ann.person])
        assert (await at_ann.sees("joined", ben))["online"] == 2

        await at_ann.send(type="typing")
        assert (await at_ben.until("typing"))["from"] == ann.person

        await at_ann.say("Is anybody here?", "a1")
        sent = await at_ann.until("sent", client_id="a1")
        await at_ann.caught_up(sent["seq"])
        assert (await at_ben.until("message", seq=sent["seq"]))["text"] == "Is anybody here?"

        await at_ben.say("I am.", "b1")
        assert (await at_ann.until("message", text="I am."))["from"] == ben.person
        await at_ben.until("message", text="I am.")

        await at_ann.send(type="event", name="move", data={"x": 1})
        assert (await at_ben.until("event"))["data"] == {"x": 1}
    assert ann.journal(room).agrees_with(served.site.log(room))
    assert ben.journal(room).agrees_with(served.site.log(room))


async def test_a_new_name_is_known_on_every_worker(served: Served) -> None:
    room = await served.room()
    ann, ben, cem = await served.guests("Ann", "Ben", "Cem")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
    ):
        await at_ben.send(type="set-name", name="Benedict")
        assert (await at_ben.until("you"))["you"]["name"] == "Benedict"
        told = await at_ann.until("system")
        assert told["message"] == "Ben is now known as Benedict"
        await at_ben.say("What do you think of it?", "b1")
        assert (await at_ann.until("message"))["from"]["name"] == "Benedict"
        async with cem.in_room(served.first, room) as at_cem:
            names = {person["name"] for person in at_cem.welcome["people"]}
            assert names == {"Ann", "Benedict", "Cem"}


async def test_the_online_count_falls_when_somebody_leaves(served: Served) -> None:
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with ann.in_room(served.first, room) as at_ann:
        async with ben.in_room(served.last, room):
            await at_ann.sees("joined", ben, online=2)
        await at_ann.sees("left", ben, online=1)
        async with ben.in_room(served.last, room) as again:
            assert again.welcome["online"] == 2


async def test_a_second_window_is_not_a_second_person(served: Served) -> None:
    room = await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with ben.in_room(served.first, room) as at_ben, ann.in_room(served.first, room):
        await at_ben.sees("joined", ann, online=2)
        ann.journals.clear()  # the second window is another reader
        async with ann.in_room(served.last, room) as second:
            assert second.welcome["online"] == 2
        await at_ben.say("Who is here?", "1")
        await at_ben.until("message")
        assert not [frame for frame in at_ben.frames if frame.get("left")]


async def test_rooms_are_isolated(served: Served) -> None:
    room, elsewhere = await served.room(), await served.room()
    ann, ben = await served.guests("Ann", "Ben")
    async with (
        ann.in_room(served.first, room) as at_ann,
        ben.in_room(served.last, elsewhere) as at_ben,
    ):
        await at_ann.say("Not for everybody.", "1")
        await at_ann.send(type="typing")
        await at_ann.until("message")
        await at_ben.say("And this is for others.", "1")
        await at_ben.until("message", text="And this is for others.")
        assert "Not for everybody." not in str(at_ben.frames)
        assert not [frame for frame in at_ben.frames if frame["type"] == "typing"]


async def test_a_shipped_order_rings_the_owners_bell_on_another_worker(served: Served) -> None:
    (owner,) = await served.guests("Owner")
    staff = await served.staff()
    status, order = await call(
        served.first, "POST", "/api/orders/", token=staff, user=owner.id, reference="R-1"
    )
    assert status == 201, order
    async with owner.at_the_bell(served.last) as bell:
        assert bell.welcome["unread"] == 0
        ship = f"/api/orders/{order['id']}/ship/"
        assert (await call(served.first, "POST", ship, token=staff)).status == 200
        watch = Stopwatch()
        told = await bell.until("notification")
        assert_below(watch.seconds, 2)
        assert (told["kind"], told["title"]) == ("order-shipped", "Order shipped")
        assert told["unread"] == 1
        assert (await call(served.last, "POST", ship, token=staff)).status == 409
    # What comes while nobody is there is there on return.
    status, second = await call(
        served.last, "POST", "/api/orders/", token=staff, user=owner.id, reference="R-2"
    )
    ship = f"/api/orders/{second['id']}/ship/"
    assert (await call(served.last, "POST", ship, token=staff)).status == 200
    async with owner.at_the_bell(served.first) as bell:
        assert bell.welcome["unread"] == 2
        assert "R-2" in (await bell.until("notification"))["message"]


async def test_a_ticket_opens_one_socket(served: Served) -> None:
    room = await served.room()
    (ann,) = await served.guests("Ann")
    status, body = await call(served.first, "POST", "/api/ws-ticket/", token=ann.access)
    assert status == 201, body
    path = f"/ws/chat/{room}/?ticket={body['ticket']}"
    async with connected(served.last, path) as socket:
        assert socket.welcome["you"] == ann.person
    async with connected(served.first, path) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await socket.closed() == 4401
