"""What a post costs, how it is numbered and repeated, and what of it is refused."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.queries import person
from chat import actions
from chat.errors import NotFound, TextInvalid
from chat.models import Event, Membership, Room
from chat.posting import Post, Receipt
from chat.queries import unread_by_room
from tests.cast import Cast
from tests.rooms import last_frame, log, say, seqs

pytestmark = pytest.mark.django_db(transaction=True)

User = get_user_model()


def post(room: Room, author: Any, text: str = "hi", *, client_id: str = "c") -> Post:
    return Post(
        room_id=room.pk,
        author=author,
        person=person(author),
        text=text,
        client_id=client_id,
        entered_at=room.head,
    )


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
    return len(queries_of(lambda: actions.store_messages(batch)))


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
    # The numbers of each room are taken by an UPDATE of its own.
    spread = [post(rooms[n % 3], cast.owner, client_id=f"b{n}") for n in range(64)]
    assert cost(spread) == one + 2


def test_a_repeat_changes_nothing(cast: Cast) -> None:
    say(cast.open_room, cast.owner)
    before = Room.objects.values().get(pk=cast.open_room.pk), log(cast.open_room)
    say(cast.open_room, cast.owner)
    assert before == (Room.objects.values().get(pk=cast.open_room.pk), log(cast.open_room))


def test_one_repeat_takes_no_number_and_the_others_of_its_batch_are_stored(cast: Cast) -> None:
    head = say(cast.open_room, cast.owner, client_id="1").seq
    receipts = actions.store_messages(
        [post(cast.open_room, cast.owner, client_id=client_id) for client_id in "213"]
    )
    assert [receipt.seq for receipt in receipts] == [head + 1, head, head + 2]
    assert seqs(cast.open_room) == list(range(1, head + 3))


# --- numbers ---


def test_posts_are_numbered_without_holes_room_by_room(cast: Cast) -> None:
    before = {room: len(log(room)) for room in (cast.open_room, cast.public_room)}
    actions.store_messages(
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
    first, second = actions.store_messages(
        [post(cast.open_room, cast.owner, text) for text in "ab"]
    )
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
    again = actions.store_messages(
        [post(room, author, client_id=client_id) for room, author, client_id in places]
    )
    assert [receipt.seq for receipt in again] == [receipt.seq for receipt in first]
    assert all(receipt.repeated for receipt in again)


def test_of_many_at_once_with_one_client_id_one_is_stored(cast: Cast) -> None:
    start = threading.Barrier(4)

    def work(_: int) -> Receipt:
        try:
            start.wait(30)
            return say(cast.open_room, cast.owner)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        receipts = list(threads.map(work, range(4)))
    assert len({receipt.seq for receipt in receipts}) == 1
    assert sorted(receipt.repeated for receipt in receipts) == [False, True, True, True]
    assert Event.objects.filter(kind="message").count() == 1


# --- what fails ---


def test_one_unknown_room_fails_the_batch_and_nothing_of_it_is_stored(cast: Cast) -> None:
    with pytest.raises(NotFound):
        actions.store_messages([post(room, cast.owner) for room in (cast.open_room, Room(pk=0))])
    assert not Event.objects.filter(kind="message").exists()


def test_nobody_is_told_of_what_is_rolled_back(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    before = log(cast.open_room)
    with transaction.atomic():
        say(cast.open_room, cast.owner)
        actions.join_room(room=cast.open_room, user=cast.stranger)
        actions.change_room(room=cast.open_room, by=cast.owner, name="New", topic="")
        transaction.set_rollback(True)
    assert published == []
    assert log(cast.open_room) == before


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_a_message_needs_text(cast: Cast, text: str) -> None:
    with pytest.raises(TextInvalid) as caught:
        say(cast.open_room, cast.owner, text=text)
    assert caught.value.code == "bad_frame"


def test_a_message_has_at_most_8000_characters(cast: Cast) -> None:
    say(cast.open_room, cast.owner, text="😀" * 8000)
    with pytest.raises(TextInvalid) as caught:
        say(cast.open_room, cast.owner, client_id="2", text="x" * 8001)
    assert caught.value.code == "too_long"


def test_the_text_is_stored_to_the_letter(cast: Cast) -> None:
    text = " \u200b\u202e'; DROP TABLE chat_room; --\r\n\\ 😀 \x1b[31m "
    say(cast.open_room, cast.owner, text=text)
    assert last_frame(cast.open_room)["text"] == text
