"""What the rules of rooms refuse.

ChatError
├── NotFound      there is no such room, or one may not know of it
├── Conflict      what is to be made is there already
└── TextInvalid   a message's text is empty or too long
"""


class ChatError(Exception):
    pass


class NotFound(ChatError):
    pass


class Conflict(ChatError):
    pass


class TextInvalid(ChatError):
    def __init__(self, message: str, *, too_long: bool = False) -> None:
        super().__init__(message)
        self.too_long = too_long
