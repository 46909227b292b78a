"""A post on its way into a room's log."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from realtime.frames import Person


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a post stands in the log. `payload` is the frame; None for what was there before."""

    seq: int
    timestamp: datetime
    payload: bytes | None = None

    @property
    def repeated(self) -> bool:
        return self.payload is None


@dataclass(kw_only=True, slots=True, eq=False)
class Post:
    """`entered_at` is the room's head when the author was let in: who was put out since may not."""

    room_id: int
    author: Any
    person: Person
    text: str
    client_id: str
    entered_at: int
    reply_to: int | None = None

    @property
    def key(self) -> tuple[int, Any, str]:
        """What may be in the log once."""
        return self.room_id, self.author.pk, self.client_id


@dataclass(kw_only=True, slots=True, eq=False)
class Waiting:
    """A post in the queue. One of the two is called, on the event loop.

    `on_stored` is called after the commit and before the room hears of the message.
    """

    post: Post
    on_stored: Callable[[Receipt], None]
    on_failed: Callable[[Exception], None]
    since: float = field(default_factory=time.perf_counter)
