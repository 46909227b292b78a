"""What the authentication in front of the consumers tells them, in `scope["credential"]`."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from realtime.frames import Person


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """Who is at the other end, and how they showed it.

    `expires` is in seconds since the epoch; None where only a revocation ends it.
    `refresh` checks a new access token for the same user and returns the credential that it makes;
    it raises FrameError. None where the credential cannot be refreshed.
    `scopes` are those of an API key, and all that it may; None for a person, who needs none.
    `ground` names what the credential stands on, such as a session: with that, it ends. It is for
    the app that made the credential to read, and may be a secret.
    """

    user: Any
    person: Person
    kind: str
    expires: float | None = None
    refresh: Callable[[str], Awaitable["Credential"]] | None = None
    scopes: frozenset[str] | None = None
    ground: str = ""


def fingerprint(ground: str) -> str:
    """What may be told of a ground to other processes."""
    return hashlib.sha256(ground.encode()).hexdigest()
