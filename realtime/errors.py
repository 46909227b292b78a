"""What can go wrong on a socket.

RealtimeError
├── FrameError   one frame is refused: answered with an `error` frame, the socket stays open
└── Refused      the socket is refused or ended: an `error` frame, then a close code
"""

from collections.abc import Mapping

from realtime.close_codes import CloseCode, ErrorCode


class RealtimeError(Exception):
    pass


class FrameError(RealtimeError):
    """A frame that is refused. `ref`, `client_id` and `topic` are repeated where known.

    `malformed` frames count towards the limit of bad frames (close code 4400).
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        ref: str | None = None,
        client_id: str | None = None,
        retry_after: float | None = None,
        malformed: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.ref = ref
        self.client_id = client_id
        self.topic: str | None = None
        self.retry_after = retry_after
        self.malformed = malformed

    def about(self, frame: object) -> "FrameError":
        """The same error, with what it repeats of the frame that caused it."""
        fields = {name: getattr(frame, name, None) for name in ("ref", "client_id", "topic")}
        return self.repeating(
            {name: value for name, value in fields.items() if isinstance(value, str)}
        )

    def repeating(self, fields: Mapping[str, str]) -> "FrameError":
        for name, value in fields.items():
            if getattr(self, name) is None:
                setattr(self, name, value)
        return self


class Refused(RealtimeError):
    def __init__(
        self,
        close_code: CloseCode,
        code: ErrorCode,
        message: str,
        *,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code
        self.message = message
        self.retry_after = retry_after
