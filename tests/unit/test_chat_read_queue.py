"""Read marks that wait together: kept in one transaction, told in one packet."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from chat import actions
from chat import read_queue as module
from chat.marks import Mark, mark_reads
from chat.models import Membership
from chat.read_queue import ReadQueue
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


class Batches:
    """`mark_reads`, with what it was given; `away` is how the database fails."""

    def __init__(self) -> None:
        self.given: list[list[Mark]] = []
        self.away: Exception | None = None
        self.kept: Any = None  # whose mark cannot be moved
        self.why: Exception = LockNotAvailable()

    def __call__(self, marks: Sequence[Mark]) -> list[int | None]:
        self.given.append(list(marks))
        if self.away:
            raise self.away
        if self.kept and self.kept.pk in {mark.user_id for mark in marks}:
            raise OperationalError("not for this one") from self.why
        return mark_reads(marks)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> Batches:
    batches = Batches()
    monkeypatch.setattr(module, "mark_reads", batches)
    return batches


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(module, "tell_room_unread", lambda **said: told.append(said))
    return told


@pytest.fixture
async def head(cast: Cast) -> int:
    """Of the open room, with two messages."""
    for client_id in "12":
        receipt = await sync_to_async(actions.post_message)(
            room=cast.open_room, author=cast.owner, text="hi", client_id=client_id
        )
    return receipt.seq


async def put(queue: ReadQueue, cast: Cast, user: Any, seq: int) -> None:
    await queue.put(Mark(cast.open_room.pk, user.pk, seq), slug="open")


async def test_marks_that_come_together_share_a_transaction_and_a_packet(
    cast: Cast, head: int, batches: Batches, told: Any
) -> None:
    queue = ReadQueue()
    await asyncio.gather(
        put(queue, cast, cast.owner, head),
        put(queue, cast, cast.member, head - 1),
        put(queue, cast, cast.stranger, head),
    )
    assert [len(given) for given in batches.given] == [3]
    counts = {str(cast.owner.pk): 0, str(cast.member.pk): 1}
    assert told == [{"room": "open", "counts": counts}]
    assert [
        m.read_seq async for m in Membership.objects.filter(user=cast.member, room=cast.open_room)
    ] == [head - 1]


async def test_marks_that_come_while_others_are_kept_go_with_the_next(
    cast: Cast, head: int, batches: Batches, told: Any
) -> None:
    queue = ReadQueue()
    first = asyncio.create_task(put(queue, cast, cast.owner, head))
    while not batches.given:  # noqa: ASYNC110 - set by a database thread
        await asyncio.sleep(0)
    await asyncio.gather(*(put(queue, cast, cast.member, seq) for seq in (1, 2, head)))
    await first
    assert [len(given) for given in batches.given] == [1, 3]


async def test_a_transaction_holds_a_bounded_number(
    cast: Cast, head: int, batches: Batches, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    queue = ReadQueue()
    await asyncio.gather(*(put(queue, cast, cast.member, seq) for seq in range(5)))
    assert [len(given) for given in batches.given] == [2, 2, 1]


@pytest.mark.parametrize("why", [LockNotAvailable(), DeadlockDetected(), QueryCanceled()])
async def test_whose_mark_cannot_be_moved_fails_alone(
    cast: Cast, head: int, batches: Batches, told: Any, why: Exception
) -> None:
    queue = ReadQueue()
    batches.kept, batches.why = cast.moderator, why
    outcomes = await asyncio.gather(
        *(put(queue, cast, user, head) for user in (cast.owner, cast.moderator, cast.member)),
        return_exceptions=True,
    )
    assert [type(each) for each in outcomes] == [type(None), OperationalError, type(None)]
    assert [len(given) for given in batches.given] == [3, 1, 1, 1]
    await asyncio.gather(put(queue, cast, cast.owner, head), put(queue, cast, cast.member, head))
    assert len(batches.given[-1]) == 2


async def test_a_database_that_is_away_is_asked_once_for_all_who_wait(
    cast: Cast, head: int, batches: Batches, told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    batches.away = OperationalError("away")
    queue = ReadQueue()
    outcomes = await asyncio.gather(
        *(put(queue, cast, cast.member, head) for _ in range(9)), return_exceptions=True
    )
    assert [type(each) for each in outcomes] == [OperationalError] * 9
    assert len(batches.given) == 1


async def test_a_database_that_is_away_is_told_to_all_who_wait_and_the_queue_goes_on(
    cast: Cast, head: int, batches: Batches, told: Any
) -> None:
    queue = ReadQueue()
    batches.away = OperationalError("away")
    failed = await asyncio.gather(
        *(put(queue, cast, user, head) for user in (cast.owner, cast.member)),
        return_exceptions=True,
    )
    assert [type(each) for each in failed] == [OperationalError] * 2
    batches.away = None
    await put(queue, cast, cast.member, head)
    assert told == [{"room": "open", "counts": {str(cast.member.pk): 0}}]


async def test_who_has_gone_meanwhile_holds_up_nobody_and_has_read_all_the_same(
    cast: Cast, head: int, batches: Batches, told: Any
) -> None:
    queue = ReadQueue()
    gone = asyncio.create_task(put(queue, cast, cast.owner, head))
    await asyncio.sleep(0)
    gone.cancel()
    await put(queue, cast, cast.member, head)
    assert told[0]["counts"] == {str(cast.owner.pk): 0, str(cast.member.pk): 0}
