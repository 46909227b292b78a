"""What changes rooms: numbering, repeats, what is told and when, and what it costs."""

import re
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.queries import person
from chat import actions
from chat.errors import Conflict, NotFound, TextInvalid
from chat.models import Event, Membership, Role, Room
from chat.posting import Post, Receipt
from chat.queries import sidebar, unread_by_room
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)

User = get_user_model()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """(group, frame) of what leaves this process, which has no sockets."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "realtime.publish._send",
        lambda group, packet: sent.append((group, msgspec.json.decode(packet.payload))),
    )
    return sent


def post(
    room: Room, author: Any, text: str = "hi", *, client_id: str = "c", on_stored: Any = None
) -> Post:
    return Post(
        room_id=room.pk,
        author=author,
        person=person(author),
        text=text,
        client_id=client_id,
        on_stored=on_stored or (lambda _: None),
    )


def say(room: Room, author: Any, client_id: str = "c", text: str = "hi") -> Receipt:
    return actions.post_message(room=room, author=author, text=text, client_id=client_id)


def log(room: Room) -> list[tuple[int, str]]:
    return list(Event.objects.filter(room=room).order_by("seq").values_list("seq", "kind"))


def seqs(room: Room) -> list[int]:
    return [seq for seq, _ in log(room)]


def last_frame(room: Room) -> dict[str, Any]:
    event = Event.objects.filter(room=room).latest("seq")
    frame: dict[str, Any] = msgspec.json.decode(event.payload)
    return frame


def fill(room: Room, people: int) -> None:
    """More members, without the cost of joining."""
    users = User.objects.bulk_create(User(username=f"filler{n}") for n in range(people))
    Membership.objects.bulk_create(Membership(room=room, user=user) for user in users)


def queries_of(call: Callable[[], Any]) -> list[str]:
    """All of them, BEGIN and COMMIT too."""
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured]


def cost(posts: Iterable[Post]) -> int:
    batch = list(posts)
    return len(queries_of(lambda: actions.post_messages(batch)))


# --- what a post costs ---


def test_a_post_costs_at_most_six_queries_in_a_room_of_1_and_of_500(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server tells the unread counts once a second, whatever is posted meanwhile: not part of it.
    monkeypatch.setattr(actions, "unread_changed", lambda _: None)
    room = actions.create_room(by=cast.owner, name="Small")
    small = cost([post(room, cast.owner, client_id="1")])
    fill(room, 499)
    assert room.members.count() == 500
    assert cost([post(room, cast.owner, client_id="2")]) == small <= 6


def test_telling_what_is_unread_is_one_query_however_many_members(cast: Cast) -> None:
    def tell() -> None:
        unread_by_room([cast.open_room.pk, cast.public_room.pk])

    assert len(queries_of(tell)) == 1
    fill(cast.open_room, 498)
    assert len(queries_of(tell)) == 1


def test_a_batch_costs_one_query_more_per_room_and_none_per_post(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "unread_changed", lambda _: None)
    rooms = [cast.open_room, cast.public_room, cast.private_room]
    one = cost([post(cast.open_room, cast.owner, client_id="one")])
    many = [post(cast.open_room, cast.owner, client_id=f"a{n}") for n in range(64)]
    assert cost(many) == one
    # The head of each room is set by an UPDATE of its own.
    spread = [post(rooms[n % 3], cast.owner, client_id=f"b{n}") for n in range(64)]
    assert cost(spread) == one + 2


def test_a_repeat_writes_nothing(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    queries = queries_of(
        lambda: actions.post_messages([post(cast.open_room, cast.owner, client_id="c")])
    )
    assert not [sql for sql in queries if sql.startswith(("INSERT", "UPDATE"))]


# --- numbers ---


def test_posts_are_numbered_without_holes_room_by_room(cast: Cast) -> None:
    before = {room: len(log(room)) for room in (cast.open_room, cast.public_room)}
    actions.post_messages(
        [
            post(room, cast.owner, client_id=str(number))
            for number in range(20)
            for room in (cast.open_room, cast.public_room)
        ]
    )
    for room, count in before.items():
        assert seqs(room) == list(range(1, count + 21))
        room.refresh_from_db()
        assert (room.head, room.message_count) == (count + 20, 20)


def test_posts_from_many_threads_are_numbered_without_holes(cast: Cast) -> None:
    def work(number: int) -> int:
        try:
            return say(cast.open_room, cast.owner, client_id=str(number)).seq
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        taken = list(threads.map(work, range(24)))
    assert len(set(taken)) == 24
    assert seqs(cast.open_room) == list(range(1, max(taken) + 1))


def test_the_log_keeps_the_frame_as_it_is_published(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    receipt = say(cast.open_room, cast.guest, text="**hé**")
    group, frame = published[0]
    assert group == f"room.{cast.open_room.pk}"
    assert frame == last_frame(cast.open_room)
    assert frame["type"] == "message"
    assert frame["seq"] == receipt.seq
    assert frame["from"] == {"id": str(cast.guest.pk), "name": "Guest", "guest": True}
    assert (frame["text"], frame["html"]) == ("**hé**", "<p><strong>hé</strong></p>")


# --- repeats ---


def test_a_repeat_in_one_batch_gets_the_first_receipt(cast: Cast) -> None:
    receipts: list[Receipt] = []
    actions.post_messages(
        [post(cast.open_room, cast.owner, text, on_stored=receipts.append) for text in "ab"]
    )
    first, second = receipts
    assert (first.repeated, second.repeated) == (False, True)
    assert (first.seq, first.timestamp) == (second.seq, second.timestamp)
    assert last_frame(cast.open_room)["text"] == "a"
    assert Event.objects.filter(kind="message").count() == 1


def test_a_repeat_in_a_later_batch_gets_the_first_receipt_whatever_its_text(cast: Cast) -> None:
    first = say(cast.open_room, cast.owner, text="a")
    say(cast.open_room, cast.owner, client_id="between")
    second = say(cast.open_room, cast.owner, text="b")
    assert second.repeated
    assert (first.seq, first.timestamp) == (second.seq, second.timestamp)
    assert Event.objects.filter(kind="message").count() == 2


def test_the_same_client_id_of_another_author_or_in_another_room_is_no_repeat(cast: Cast) -> None:
    assert not say(cast.open_room, cast.owner).repeated
    assert not say(cast.open_room, cast.member).repeated
    assert not say(cast.public_room, cast.owner).repeated


def test_a_batch_of_repeats_gets_each_its_own_first_receipt(cast: Cast) -> None:
    places = [
        (room, author, client_id)
        for room in (cast.open_room, cast.public_room)
        for author in (cast.owner, cast.member)
        for client_id in "ab"
    ]
    first = [say(*place) for place in places]
    again: list[Receipt] = []
    actions.post_messages(
        [
            post(room, author, client_id=client_id, on_stored=again.append)
            for room, author, client_id in places
        ]
    )
    assert [receipt.seq for receipt in again] == [receipt.seq for receipt in first]
    assert all(receipt.repeated for receipt in again)


def test_of_many_at_once_with_one_client_id_one_is_stored(cast: Cast) -> None:
    start = threading.Barrier(4)

    def work(_: int) -> Receipt:
        try:
            start.wait(5)
            return say(cast.open_room, cast.owner)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(work, range(4)))
    assert len({receipt.seq for receipt in receipts}) == 1
    assert sorted(receipt.repeated for receipt in receipts) == [False, True, True, True]
    assert Event.objects.filter(kind="message").count() == 1


# --- what fails ---


def test_one_unknown_room_fails_the_batch_and_nothing_of_it_is_acknowledged_or_told(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    acknowledged: list[Receipt] = []
    gone = Room(pk=0)
    with pytest.raises(NotFound):
        actions.post_messages(
            [
                post(room, cast.owner, on_stored=acknowledged.append)
                for room in (cast.open_room, gone)
            ]
        )
    assert (acknowledged, published) == ([], [])
    assert not Event.objects.filter(kind="message").exists()


def test_what_is_rolled_back_is_neither_acknowledged_nor_told(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    acknowledged: list[Receipt] = []
    before = log(cast.open_room)
    with transaction.atomic():
        actions.post_messages([post(cast.open_room, cast.owner, on_stored=acknowledged.append)])
        actions.join_room(room=cast.open_room, user=cast.stranger)
        actions.change_room(room=cast.open_room, by=cast.owner, name="New", topic="")
        transaction.set_rollback(True)
    assert (acknowledged, published) == ([], [])
    assert log(cast.open_room) == before


def test_the_author_is_told_before_the_room(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    heard: list[int] = []
    actions.post_messages(
        [post(cast.open_room, cast.owner, on_stored=lambda _: heard.append(len(published)))]
    )
    assert heard == [0]
    assert published[0][1]["type"] == "message"


def test_an_author_who_cannot_be_told_holds_up_nobody(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    def broken(_: Receipt) -> None:
        raise RuntimeError

    acknowledged: list[Receipt] = []
    actions.post_messages(
        [
            post(cast.open_room, cast.owner, client_id="1", on_stored=broken),
            post(cast.open_room, cast.owner, client_id="2", on_stored=acknowledged.append),
        ]
    )
    assert len(acknowledged) == 1
    assert [frame.get("type") for _, frame in published].count("message") == 2


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_message_needs_text(cast: Cast, text: str) -> None:
    with pytest.raises(TextInvalid) as caught:
        say(cast.open_room, cast.owner, text=text)
    assert not caught.value.too_long


def test_a_message_has_at_most_8000_characters(cast: Cast) -> None:
    say(cast.open_room, cast.owner, text="😀" * 8000)
    with pytest.raises(TextInvalid) as caught:
        say(cast.open_room, cast.owner, client_id="2", text="x" * 8001)
    assert caught.value.too_long


def test_the_text_is_stored_to_the_letter(cast: Cast) -> None:
    text = " \u200b\u202e'; DROP TABLE chat_room; --\r\n\\ 😀 \x1b[31m "
    say(cast.open_room, cast.owner, text=text)
    assert last_frame(cast.open_room)["text"] == text


# --- rooms ---


def test_a_new_room_has_its_maker_as_owner_and_their_coming_as_its_first_event(cast: Cast) -> None:
    room = actions.create_room(by=cast.stranger, name="  Ärger & Co ", topic=" t ")
    assert (room.slug, room.name, room.topic) == ("arger-co", "Ärger & Co", "t")
    assert room.memberships.get().role == Role.OWNER
    frame = last_frame(room)
    assert (frame["seq"], frame["type"], frame["op"]) == (1, "member", "join")
    assert frame["user"] == {"id": str(cast.stranger.pk), "name": "Stranger"}


def test_names_in_any_script_make_rooms_and_only_the_same_one_is_a_conflict(cast: Cast) -> None:
    names = ["日本語", "Общий", "日本 1", "中国 1", "🎉", "!!!"]
    rooms = [actions.create_room(by=cast.owner, name=name) for name in names]
    assert len({room.slug for room in rooms}) == len(names)
    for room in rooms:
        assert re.fullmatch(r"[-a-z0-9]{1,60}", room.slug)
        with pytest.raises(Conflict):
            actions.create_room(by=cast.owner, name=room.name.upper())


@pytest.mark.parametrize("name", ["Open", "open", " OPEN! "])
def test_a_name_that_reads_like_another_rooms_is_a_conflict(cast: Cast, name: str) -> None:
    count = Room.objects.count()
    with pytest.raises(Conflict):
        actions.create_room(by=cast.owner, name=name)
    assert Room.objects.count() == count


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\u202eb", "a\0b", "x" * 51])
def test_a_room_is_not_called_just_anything(cast: Cast, name: str) -> None:
    with pytest.raises(ValidationError):
        actions.create_room(by=cast.owner, name=name)
    with pytest.raises(ValidationError):
        actions.change_room(room=cast.open_room, by=cast.owner, name=name, topic="")


# --- members ---


def test_joining_is_an_event_once(cast: Cast, published: list[tuple[str, dict[str, Any]]]) -> None:
    assert actions.join_room(room=cast.open_room, user=cast.stranger)
    assert not actions.join_room(room=cast.open_room, user=cast.stranger)
    ((group, frame),) = published
    assert group == f"room.{cast.open_room.pk}"
    assert (frame["type"], frame["op"], frame["user"]["name"]) == ("member", "join", "Stranger")
    assert frame["seq"] == seqs(cast.open_room)[-1]


def test_leaving_is_an_event_once(cast: Cast, published: list[tuple[str, dict[str, Any]]]) -> None:
    assert actions.leave_room(room=cast.open_room, user=cast.member)
    assert not actions.leave_room(room=cast.open_room, user=cast.member)
    ((_, frame),) = published
    assert (frame["op"], frame["user"]["id"]) == ("leave", str(cast.member.pk))
    assert not cast.open_room.memberships.filter(user=cast.member).exists()


def test_whoever_leaves_a_private_room_is_sent_out_of_it_on_every_worker(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    actions.leave_room(room=cast.private_room, user=cast.member)
    assert (
        "people",
        {"notice": "removed", "people": {str(cast.member.pk): {"room": "private"}}},
    ) in published


def test_joining_leaving_and_posting_share_one_row_of_numbers(cast: Cast) -> None:
    actions.join_room(room=cast.open_room, user=cast.stranger)
    say(cast.open_room, cast.stranger)
    actions.change_room(room=cast.open_room, by=cast.owner, name="New", topic="t")
    actions.leave_room(room=cast.open_room, user=cast.stranger)
    assert [kind for _, kind in log(cast.open_room)[-4:]] == ["member", "message", "room", "member"]
    assert seqs(cast.open_room) == list(range(1, len(log(cast.open_room)) + 1))


@pytest.mark.parametrize("change", ["join", "leave", "change"])
def test_a_room_that_is_gone_is_not_found(cast: Cast, change: str) -> None:
    room = cast.open_room
    Room.objects.filter(pk=room.pk).delete()
    changes: dict[str, Callable[[], Any]] = {
        "join": lambda: actions.join_room(room=room, user=cast.member),
        "leave": lambda: actions.leave_room(room=room, user=cast.member),
        "change": lambda: actions.change_room(room=room, by=cast.owner, name="New", topic=""),
    }
    with pytest.raises(NotFound):
        changes[change]()


def test_a_change_is_told_with_who_made_it_and_no_change_is_not(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    for _ in range(2):
        actions.change_room(room=cast.open_room, by=cast.staff, name=" New ", topic=" t ")
    ((_, frame),) = published
    assert (frame["type"], frame["name"], frame["topic"]) == ("room", "New", "t")
    assert frame["by"]["name"] == "Staff"
    cast.open_room.refresh_from_db()
    assert (cast.open_room.name, cast.open_room.slug) == ("New", "open")


# --- reading ---


def unread(room: Room, user: Any) -> int:
    return {each.pk: count for each, count in sidebar(user)}[room.pk]


def mark(cast: Cast, seq: int) -> int | None:
    return actions.mark_read(room=cast.open_room, user=cast.member, seq=seq)


def test_unread_counts_messages_only_and_only_since_one_joined(cast: Cast) -> None:
    say(cast.open_room, cast.owner, "1")
    actions.join_room(room=cast.open_room, user=cast.stranger)
    assert unread(cast.open_room, cast.stranger) == 0
    say(cast.open_room, cast.owner, "2")
    actions.join_room(room=cast.open_room, user=cast.guest)
    say(cast.open_room, cast.owner, "3")
    assert unread(cast.open_room, cast.member) == 3
    assert unread(cast.open_room, cast.stranger) == 2
    assert unread(cast.open_room, cast.guest) == 1
    assert unread(cast.open_room, cast.staff) == 0  # no member


def test_the_counts_of_all_members_are_those_that_each_sees(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    mark(cast, 100)
    say(cast.open_room, cast.owner, "2")
    counts = unread_by_room([cast.open_room.pk])
    assert counts == {
        "open": {str(user.pk): unread(cast.open_room, user) for user in (cast.owner, cast.member)}
    }
    assert counts["open"][str(cast.member.pk)] == 1


def test_a_read_mark_counts_what_is_left_and_never_goes_back(cast: Cast) -> None:
    first, second = (say(cast.open_room, cast.owner, client_id).seq for client_id in "12")
    assert mark(cast, first) == 1
    assert mark(cast, first) is None
    assert mark(cast, first - 1) is None
    assert unread(cast.open_room, cast.member) == 1
    assert mark(cast, second) == 0
    assert unread(cast.open_room, cast.member) == 0


def test_a_read_mark_goes_no_further_than_the_head(cast: Cast) -> None:
    head = say(cast.open_room, cast.owner).seq
    assert mark(cast, 2**53) == 0
    membership = Membership.objects.get(room=cast.open_room, user=cast.member)
    assert membership.read_seq == head
    say(cast.open_room, cast.owner, "2")
    assert unread(cast.open_room, cast.member) == 1


def test_whoever_is_no_member_has_no_read_mark(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    assert actions.mark_read(room=cast.open_room, user=cast.stranger, seq=1) is None
    assert not cast.open_room.memberships.filter(user=cast.stranger).exists()


def test_nobody_is_a_member_twice(cast: Cast) -> None:
    make_user("twice")

    def work(_: int) -> bool:
        try:
            user = User.objects.get(username="twice")
            return actions.join_room(room=cast.open_room, user=user)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        joined = list(threads.map(work, range(4)))
    assert sorted(joined) == [False, False, False, True]
    assert cast.open_room.memberships.filter(user__username="twice").count() == 1
