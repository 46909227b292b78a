"""A post on its way into a room's log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from realtime.frames import Person


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a post stands in the log. `repeated`: it was there before."""

    seq: int
    timestamp: datetime
    repeated: bool = False


@dataclass(kw_only=True, slots=True, eq=False)
class Post:
    """`on_stored` is called once, after the commit and before the room hears of the message.

    It may be called on a database thread.
    """

    room_id: int
    author: Any
    person: Person
    text: str
    client_id: str
    on_stored: Callable[[Receipt], None]
    reply_to: int | None = None
