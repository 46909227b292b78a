from typing import Any

import pytest
from django.core.management import call_command

from chat import actions
from chat.models import Event, Room
from realtime.log import ModelLog, log_of, register_log
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

log = ModelLog(Room, Event, "room")


def test_entries_come_ascending_after_a_seq_and_no_more_than_asked_for(cast: Cast) -> None:
    for number in range(5):
        actions.post_message(
            room=cast.open_room, author=cast.owner, text="é", client_id=str(number)
        )
    owner = str(cast.open_room.pk)
    entries = log.read(owner, after=2, limit=3)
    assert [seq for seq, _ in entries] == [3, 4, 5]
    stored = Event.objects.get(room=cast.open_room, seq=3).payload
    assert entries[0][1] == stored.encode()
    assert log.read(owner, after=7, limit=3) == []


def test_heads_of_many_are_one_query_and_the_missing_are_left_out(
    cast: Cast, django_assert_num_queries: Any
) -> None:
    ids = [str(room.pk) for room in (cast.open_room, cast.public_room)]
    with django_assert_num_queries(1):
        assert log.heads([*ids, "0"]) == dict.fromkeys(ids, 2)


def test_a_group_is_backed_by_the_log_of_its_prefix() -> None:
    other: Any = object()
    register_log("logtest", other)
    assert log_of("logtest.7") == (other, "7")
    assert log_of("unknown.7") is None
    assert log_of("people") is None


@pytest.fixture
def owner(cast: Cast) -> str:
    """Of a log with two who joined, and `seq` 3 to 12."""
    for number in range(3, 13):
        actions.post_message(
            room=cast.open_room, author=cast.owner, text="é", client_id=f"{number}"
        )
    return str(cast.open_room.pk)


@pytest.mark.parametrize(
    ("lowest", "highest", "seqs"),
    [
        (10, 10, [11, 12]),
        (12, 12, []),
        (99, 99, []),  # beyond the head
        (7, 12, [8, 9, 10, 11, 12]),
        (6, 6, []),  # too far for everybody
        (6, 7, [8, 9, 10, 11, 12]),  # for one of them: the rest is read as far as the limit
        (0, 2**53, [8, 9, 10, 11, 12]),
    ],
)
def test_the_tail_is_one_query_for_all_who_ask(
    owner: str, lowest: int, highest: int, seqs: list[int], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        head, entries = log.tail(owner, lowest=lowest, highest=highest, limit=5)
    assert head == 12
    assert [seq for seq, _ in entries] == seqs
    assert set(entries) <= set(log.read(owner, after=7, limit=5))


@pytest.mark.parametrize(("lowest", "first"), [(3, 8), (7, 8), (8, 9), (9, 10)])
def test_the_tail_tells_those_it_concerns_what_was_pruned(
    owner: str, lowest: int, first: int
) -> None:
    call_command("prune", "rooms", keep=4)
    head, entries = log.tail(owner, lowest=lowest, highest=12, limit=1000)
    assert head == 12
    assert entries[0][0] == first
    assert (b'"resync"' in entries[0][1]) == (lowest < 8)
    assert entries == log.read(owner, after=lowest, limit=1000)


def test_where_all_was_pruned_the_tail_is_the_loss_alone(owner: str) -> None:
    call_command("prune", "rooms", keep=0)
    _, entries = log.tail(owner, lowest=11, highest=11, limit=1000)
    assert [(seq, b'"resync"' in payload) for seq, payload in entries] == [(12, True)]
    assert log.tail(owner, lowest=12, highest=12, limit=1000) == (12, [])


def test_no_owner_has_no_tail(owner: str) -> None:
    assert log.tail("0", lowest=0, highest=0, limit=5) == (0, [])
