"""What the rules of rooms refuse: FrameErrors, which sockets and the API both know how to tell.

ChatError
├── NotFound      there is no such room or member, or one may not know of it
├── Forbidden     one may see the room, and not do this in it
├── Conflict      what is there already, or must stay as it is
├── Gone          what is asked for was there, and is not kept any more
├── TextInvalid   a message's text is empty or too long
└── Unsupported   the protocol has it, and this site does not yet
"""

from realtime.close_codes import ErrorCode
from realtime.errors import FrameError


class ChatError(FrameError):
    pass


class NotFound(ChatError):
    def __init__(self, message: str = "There is no such room.") -> None:
        super().__init__(ErrorCode.NOT_FOUND, message)


class Forbidden(ChatError):
    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.FORBIDDEN, message)


class Conflict(ChatError):
    def __init__(self, message: str) -> None:
        super().__init__(ErrorCode.CONFLICT, message)


class Gone(ChatError):
    """`seq` is the last that is gone."""

    def __init__(self, seq: int) -> None:
        super().__init__(ErrorCode.NOT_FOUND, f"What there was up to {seq} is not kept any more.")
        self.seq = seq


class TextInvalid(ChatError):
    pass


class Unsupported(ChatError):
    def __init__(self) -> None:
        super().__init__(ErrorCode.UNSUPPORTED, "Attachments and replies are not supported yet.")
