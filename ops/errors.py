"""What staff are refused: FrameErrors, which the socket knows how to tell."""

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError


class UnknownPerson(FrameError):
    def __init__(self) -> None:
        super().__init__(ErrorCode.NOT_FOUND, "There is no such person.")


class Empty(FrameError):
    def __init__(self) -> None:
        super().__init__(ErrorCode.BAD_FRAME, "An announcement needs words.")


class TooLong(FrameError):
    def __init__(self, limit: int) -> None:
        super().__init__(ErrorCode.TOO_LONG, f"At most {limit} characters.")
