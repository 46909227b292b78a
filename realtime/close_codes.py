"""The close codes of the wire contract, and whether a client should come back after each."""

from enum import IntEnum, StrEnum


class CloseCode(IntEnum):
    DONE = 1000
    BAD_FRAMES = 4400
    NOT_SIGNED_IN = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    IDLE = 4408
    TOO_LARGE = 4413
    RATE_LIMITED = 4429
    RESTARTING = 4503
    SLOW = 4508

    @property
    def reconnect(self) -> bool:
        """Whether a client should come back without its person doing anything."""
        return self in _RECONNECT


_RECONNECT = {
    CloseCode.IDLE,
    CloseCode.RATE_LIMITED,
    CloseCode.RESTARTING,
    CloseCode.SLOW,
}


MEANINGS = {
    CloseCode.DONE: "done",
    CloseCode.BAD_FRAMES: "too many bad frames, or an unreadable `after`",
    CloseCode.NOT_SIGNED_IN: "credential missing, wrong or expired",
    CloseCode.FORBIDDEN: "not allowed, or put out of the room",
    CloseCode.NOT_FOUND: "no such room, or one that one may not know of",
    CloseCode.IDLE: "nothing heard for too long",
    CloseCode.TOO_LARGE: "frame too large",
    CloseCode.RATE_LIMITED: "too many sockets, or too many frames",
    CloseCode.RESTARTING: "the server is restarting, or cannot let anybody in just now",
    CloseCode.SLOW: "reads too slowly",
}


class ErrorCode(StrEnum):
    """The `code` of an `error` frame and of an HTTP error body."""

    BAD_FRAME = "bad_frame"
    UNKNOWN_TYPE = "unknown_type"
    UNSUPPORTED = "unsupported"
    TOO_LONG = "too_long"
    NOT_SIGNED_IN = "not_signed_in"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    RATE_LIMITED = "rate_limited"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"
