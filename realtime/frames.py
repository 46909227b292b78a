"""Frames: msgspec types for both directions, decoding and encoding.

Client frames are subclasses of ClientFrame, server frames of ServerFrame; the tag of each class
is the `type` on the wire. A Decoder knows the client frames of one path.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.strict_json import NotStrict, fault_of, loads

MAX_FRAME_BYTES = 64 * 1024
MAX_ECHOED = {"ref": 64, "client_id": 64, "topic": 100}  # characters; by an error of its frame

Ref = Annotated[str, Meta(max_length=64)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=0)]
Timestamp = Annotated[datetime, Meta(tz=True)]

# In the schema of a field: the contract knows it, this version refuses it, and does not publish it.
NOT_BUILT = {"x-not-built": True}


class Person(Struct, kw_only=True, frozen=True):
    """A person on the wire; `guest` is present only when true."""

    id: str
    name: str
    guest: Literal[True] | UnsetType = UNSET


class ClientFrame(Struct, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    ref: Ref | UnsetType = UNSET


class ServerFrame(Struct, kw_only=True, tag_field="type"):
    """`ref` repeats that of the client frame which is answered."""

    ref: str | UnsetType = UNSET


class Ping(ClientFrame, tag="ping"):
    pass


class Refresh(ClientFrame, tag="refresh"):
    access: str


class Pong(ServerFrame, tag="pong"):
    timestamp: Timestamp
    seq: int | UnsetType = UNSET


class Refreshed(ServerFrame, tag="refreshed"):
    expires: Timestamp


class Error(ServerFrame, tag="error"):
    code: ErrorCode
    message: str
    client_id: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class Resync(ServerFrame, tag="resync"):
    seq: int


class Closing(ServerFrame, tag="closing"):
    code: int
    retry_after: float | UnsetType = UNSET


class Announcement(ServerFrame, tag="announcement"):
    message: str
    from_: Person = field(name="from")


class PresenceChanged(ServerFrame, tag="presence"):
    """Since the last one. In a large group both lists are empty and only the count is told."""

    joined: list[Person]
    left: list[Person]
    online: int


# What the server says on every socket that speaks the protocol.
COMMON = (Pong, Refreshed, Error, Closing, Announcement)


def tag_of(frame: Struct | type[Struct]) -> str:
    """The `type` of a frame on the wire."""
    return str(frame.__struct_config__.tag)


ALWAYS = frozenset({tag_of(Ping), tag_of(Refresh)})  # what any client may send on any socket

encode = msgspec.json.Encoder().encode


def now() -> datetime:
    return datetime.now(UTC)


class Decoder:
    """Decodes the client frames of one path.

    `unsupported` names types of the contract that are not built: they are answered so, instead of
    as unknown.
    """

    def __init__(
        self, frames: Iterable[type[ClientFrame]], *, unsupported: Iterable[str] = ()
    ) -> None:
        types: list[type[ClientFrame]] = [*frames, Ping, Refresh]
        self.frames = {tag_of(frame): frame for frame in types}
        self.unsupported = frozenset(unsupported)

    def decode(self, text: str) -> ClientFrame:
        """Raises FrameError: bad_frame, unknown_type or unsupported."""
        data = _object(text)
        try:
            return msgspec.convert(data, self._frame(data.get("type")))
        except FrameError as error:
            raise error.repeating(_echoed(data)) from None
        except (msgspec.ValidationError, RecursionError, UnicodeError, OverflowError) as error:
            refused = FrameError(ErrorCode.BAD_FRAME, str(error), malformed=True)
            raise refused.repeating(_echoed(data)) from error

    def _frame(self, tag: object) -> type[ClientFrame]:
        if not isinstance(tag, str):
            raise FrameError(ErrorCode.BAD_FRAME, "The frame has no `type`.", malformed=True)
        if tag in self.unsupported:
            raise FrameError(ErrorCode.UNSUPPORTED, f"`{tag}` is not supported here.")
        if (frame := self.frames.get(tag)) is None:
            raise FrameError(
                ErrorCode.UNKNOWN_TYPE, f"The type {tag[:64]!r} is unknown here.", malformed=True
            )
        return frame


def size_of(content: str | bytes) -> int:
    """In bytes: a character may be four of them, which of a frame too large is not looked at."""
    if isinstance(content, bytes) or len(content) > MAX_FRAME_BYTES:
        return len(content)
    return len(content.encode(errors="replace"))


def glimpse(text: str | None) -> dict[str, str]:
    """What the answer to a frame that is not acted upon may repeat of it, strict or not."""
    if text is None or len(text) > MAX_FRAME_BYTES:
        return {}
    try:
        data = json.loads(text, parse_int=float)  # of any length
    except (ValueError, RecursionError):
        return {}
    return _echoed(data) if isinstance(data, dict) else {}


def _object(text: str) -> dict[str, Any]:
    try:
        data = loads(text)
    except NotStrict as error:
        refused = FrameError(
            ErrorCode.BAD_FRAME, f"The frame was not understood: {error}.", malformed=True
        )
        raise refused.repeating(glimpse(text)) from error
    if not isinstance(data, dict):
        raise FrameError(ErrorCode.BAD_FRAME, "A frame is a JSON object.", malformed=True)
    return data


def _echoed(data: dict[str, Any]) -> dict[str, str]:
    """What an error may repeat: only what the contract allows in that field."""
    return {
        field: value
        for field, longest in MAX_ECHOED.items()
        if isinstance(value := data.get(field), str)
        and len(value) <= longest
        and not fault_of(value)
    }
