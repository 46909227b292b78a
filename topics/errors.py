"""What topics refuse: FrameErrors, which sockets and the API both know how to tell."""

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError

RETRY_AFTER = 2.0  # seconds


class TopicsAway(FrameError):
    """The store did not answer. What was to be published may have been."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.UNAVAILABLE, "Topics are away; try again.", retry_after=RETRY_AFTER
        )


class DataTooLarge(FrameError):
    def __init__(self, limit: int) -> None:
        super().__init__(ErrorCode.TOO_LONG, f"`data` is at most {limit // 1024} KiB of JSON.")


class NotAllowed(FrameError):
    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.FORBIDDEN, message)


class TooManyTopics(FrameError):
    """Not `rate_limited`: to wait is no help, and many of those end the socket."""

    def __init__(self, limit: int) -> None:
        super().__init__(ErrorCode.CONFLICT, f"A socket follows at most {limit} topics.")
