"""What a message costs in the database: one UPDATE per room and one INSERT, written out.

Django builds the SQL of a query anew each time, which takes several times as long as running it;
docs/adr/0008-posting.md has the figures.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from django.db import OperationalError, connection

from chat.models import Event, Room
from realtime.postgresql import LOCK_NOT_AVAILABLE, sqlstate

# Milliseconds for a room of which, or beside which, one was kept a moment ago.
IMPATIENCE = 250


class Entry(NamedTuple):
    """A message in a room's log, in the order of _COLUMNS."""

    room_id: int
    seq: int
    timestamp: Any  # a datetime, as the database takes it
    payload: str
    author_id: Any
    client_id: str


_COLUMNS = "room_id, seq, timestamp, payload, author_id, client_id, kind"
_ROW = "(%s, %s, %s, %s, %s, %s, 'message')"


class RoomBusy(OperationalError):
    """Another transaction keeps the room locked; only this room is away."""

    def __init__(self, room_id: int) -> None:
        super().__init__(f"Room {room_id} is locked by another transaction.")
        self.room_id = room_id


class Taken(NamedTuple):
    """The `first` of the numbers, and when somebody last may have been put out of the room."""

    first: int
    removal_seq: int


def be_impatient() -> None:
    """Up to the commit, wait for a room for IMPATIENCE alone. SQLite has one lock for them all."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {IMPATIENCE}")


def take_seqs(room_id: int, count: int) -> Taken | None:
    """Lock the room up to the commit and count so many messages more.

    None if there is no such room. Raises RoomBusy.
    """
    with _asking_for(room_id), connection.cursor() as cursor:
        cursor.execute(_take_seqs(), (count, count, room_id))
        row = cursor.fetchone()
    return Taken(row[0] - count + 1, row[1]) if row else None


def lock(room_id: int) -> None:
    """Up to the commit. Raises RoomBusy."""
    if connection.features.has_select_for_update:
        with _asking_for(room_id), connection.cursor() as cursor:
            cursor.execute(_lock(), (room_id,))


@contextmanager
def _asking_for(room_id: int) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if sqlstate(error) == LOCK_NOT_AVAILABLE:
            raise RoomBusy(room_id) from error.__cause__
        raise


def insert(entries: Sequence[Entry]) -> None:
    """Raises IntegrityError if one has a `client_id` that its author used in the room before."""
    values = [value for entry in entries for value in _as_stored(entry)]
    with connection.cursor() as cursor:
        cursor.execute(_insert(len(entries)), values)


def _as_stored(entry: Entry) -> Entry:
    """What the ORM does to values: times and the keys of users are not kept alike everywhere."""
    author = Event._meta.get_field("author")
    return entry._replace(
        timestamp=connection.ops.adapt_datetimefield_value(entry.timestamp),
        author_id=author.get_db_prep_value(entry.author_id, connection),
    )


@cache
def _lock() -> str:
    room = connection.ops.quote_name(Room._meta.db_table)
    return f"SELECT id FROM {room} WHERE id = %s FOR UPDATE"  # noqa: S608 - no input


@cache
def _take_seqs() -> str:
    room = connection.ops.quote_name(Room._meta.db_table)
    return (
        f"UPDATE {room} SET head = head + %s, message_count = message_count + %s "  # noqa: S608 - no input
        "WHERE id = %s RETURNING head, removal_seq"
    )


@cache
def _insert(count: int) -> str:
    event = connection.ops.quote_name(Event._meta.db_table)
    rows = ", ".join([_ROW] * count)
    return f"INSERT INTO {event} ({_COLUMNS}) VALUES {rows}"  # noqa: S608 - no input
