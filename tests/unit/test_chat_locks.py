"""Who waits for whom in the database. SQLite has one lock for all, and nobody waits in a circle."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.utils import CursorWrapper

from chat import actions, retention
from chat.errors import NotFound
from chat.marks import Mark, mark_reads
from chat.models import Event, Membership, Room
from chat.record import locked
from tests.cast import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="has one lock for all"),
]

Work = Callable[[], Any]
KEEP = "SELECT id FROM chat_membership WHERE id = %s FOR UPDATE"


@contextmanager
def another(*, autocommit: bool = False) -> Iterator[CursorWrapper]:
    """A connection beside the test's own."""
    other = connection.copy()
    other.set_autocommit(autocommit)
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()


@contextmanager
def meanwhile(work: Work) -> Iterator[Callable[[], "Future[Any]"]]:
    """Begins the work on a thread, when it is called."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        yield lambda: threads.submit(run)


def say(room: Room, author: Any) -> None:
    actions.post_message(room=room, author=author, text="hi", client_id="one")


def waits(work: "Future[Any]") -> None:
    """Return once it waits for a lock."""
    deadline = time.monotonic() + 60
    with another(autocommit=True) as cursor:
        while time.monotonic() < deadline:
            assert not work.done(), work
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)
    raise AssertionError("it waits for nobody")


def first_and_last(room: Room, *, by_way_of: Room) -> tuple[Membership, Membership]:
    """By their ids. A query without an order finds them the other way round, however it looks."""
    owner = room.memberships.get(role="owner")
    owner.delete()
    last = Membership.objects.create(room=room, user=owner.user, role="owner")
    first = room.memberships.earliest("pk")
    write_anew(first, by_way_of=by_way_of)
    return first, last


def write_anew(member: Membership, *, by_way_of: Room) -> None:
    """In the table, and in its indexes."""
    for room in (by_way_of, member.room):
        Membership.objects.filter(pk=member.pk).update(room=room)


def marks_everybody(room: Room) -> None:
    mark_reads([Mark(room.pk, user.pk, 100) for user in room.members.all()])


@transaction.atomic
def forgets_everything(room: Room) -> None:
    retention.forget(locked(room), 100)


def deletes_it(room: Room) -> None:
    actions.delete_room(room=room)


@pytest.mark.parametrize("work", [marks_everybody, forgets_everything, deletes_it])
def test_who_locks_several_members_begins_with_the_same(
    cast: Cast, work: Callable[[Room], None]
) -> None:
    other_room = actions.create_room(by=cast.stranger, name="Other")
    first, last = first_and_last(cast.open_room, by_way_of=other_room)
    begins_with(first, last, lambda: work(Room.objects.get(pk=cast.open_room.pk)))


def test_a_person_who_is_deleted_is_no_exception(cast: Cast) -> None:
    theirs = Membership.objects.filter(user=cast.member)
    write_anew(
        first := theirs.earliest("pk"), by_way_of=actions.create_room(by=cast.owner, name="O")
    )
    begins_with(first, theirs.latest("pk"), cast.member.delete)


def begins_with(first: Membership, last: Membership, work: Work) -> None:
    """While it waits for the last it has the first."""
    with meanwhile(work) as begin:
        with another() as other, another() as third:
            other.execute(KEEP, [last.pk])
            working = begin()
            waits(working)
            with pytest.raises(OperationalError):
                third.execute(KEEP + " NOWAIT", [first.pk])
        working.result(60)


def test_a_room_that_is_deleted_takes_along_what_is_being_posted(cast: Cast) -> None:
    room = cast.open_room
    with meanwhile(lambda: actions.delete_room(room=room)) as begin:
        with transaction.atomic():
            say(room, cast.owner)
            deleting = begin()
            waits(deleting)
        deleting.result(60)
    assert not Event.objects.filter(room_id=room.pk).exists()


def test_a_post_that_waits_for_a_room_that_is_deleted_is_refused(cast: Cast) -> None:
    room = cast.open_room
    with meanwhile(lambda: say(room, cast.owner)) as begin:
        with transaction.atomic():
            actions.delete_room(room=Room.objects.get(pk=room.pk))
            posting = begin()
            waits(posting)
        with pytest.raises(NotFound):
            posting.result(60)


def test_a_room_can_be_deleted_twice(cast: Cast) -> None:
    for _ in range(2):
        actions.delete_room(room=Room(pk=cast.open_room.pk))
    assert not Room.objects.filter(pk=cast.open_room.pk).exists()
