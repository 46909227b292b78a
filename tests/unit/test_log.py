from typing import Any

import pytest

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
