"""What the authentication in front of the consumers tells them, in `scope["credential"]`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from realtime.frames import Person


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """Who is at the other end, and how they showed it.

    `expires` is in seconds since the epoch; None where only a revocation ends it.
    `refresh` checks a new access token for the same user and returns its `expires`; it raises
    FrameError. None where the credential cannot be refreshed.
    """

    user: Any
    person: Person
    kind: str
    expires: float | None = None
    refresh: Callable[[str], Awaitable[float]] | None = None
