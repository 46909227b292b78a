"""Frames: msgspec types for both directions, decoding and encoding.

Client frames are subclasses of ClientFrame, server frames of ServerFrame; the tag of each class
is the `type` on the wire. A Decoder knows the client frames of one path.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.strict_json import NotStrict, loads

MAX_FRAME_BYTES = 64 * 1024

Ref = Annotated[str, Meta(max_length=64)]
ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=0)]


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
    timestamp: datetime
    seq: int | UnsetType = UNSET


class Refreshed(ServerFrame, tag="refreshed"):
    expires: datetime


class Error(ServerFrame, tag="error"):
    code: ErrorCode
    message: str
    client_id: str | UnsetType = UNSET
    retry_after: float | UnsetType = UNSET


class Resync(ServerFrame, tag="resync"):
    seq: int


class Closing(ServerFrame, tag="closing"):
    code: int
    retry_after: float | UnsetType = UNSET


class PresenceChanged(ServerFrame, tag="presence"):
    """Since the last one. In a large group both lists are empty and only the count is told."""

    joined: list[Person]
    left: list[Person]
    online: int


def tag_of(frame: Struct | type[Struct]) -> str:
    """The `type` of a frame on the wire."""
    return str(frame.__struct_config__.tag)


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
        ref, client_id = _echoed(data, "ref"), _echoed(data, "client_id")
        try:
            return msgspec.convert(data, self._frame(data.get("type")))
        except FrameError as error:
            error.ref, error.client_id = ref, client_id
            raise
        except (msgspec.ValidationError, RecursionError, UnicodeError, OverflowError) as error:
            raise FrameError(
                ErrorCode.BAD_FRAME, str(error), ref=ref, client_id=client_id, malformed=True
            ) from error

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


def _object(text: str) -> dict[str, Any]:
    try:
        data = loads(text)
    except NotStrict as error:
        raise FrameError(
            ErrorCode.BAD_FRAME, f"The frame was not understood: {error}.", malformed=True
        ) from error
    if not isinstance(data, dict):
        raise FrameError(ErrorCode.BAD_FRAME, "A frame is a JSON object.", malformed=True)
    return data


def _echoed(data: dict[str, Any], field: str) -> str | None:
    """What an error may repeat: only what the contract allows in that field."""
    value = data.get(field)
    return value if isinstance(value, str) and len(value) <= 64 else None
