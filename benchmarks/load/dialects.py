"""How each server is spoken to: what opens a room, what is published, what comes back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """`before` and `after` are what stands around the text in the frame that publishes it.

    `ready` is in the frame that says a socket is in the room; b"" where a server has none.
    `echo`: the sending socket gets its own message too. `unique` is where a frame needs an id.
    """

    before: bytes = b""
    after: bytes = b""
    ready: bytes = b""
    echo: bool = True
    unique: bytes = b""

    def frame(self, text: bytes, number: int) -> bytes:
        if self.unique:
            return self.before + text + self.unique + b"%d" % number + self.after
        return self.before + text + self.after


DIALECTS = {
    "event": Dialect(
        before=b'{"type":"event","name":"said","data":"',
        after=b'"}',
        ready=b'"type":"welcome"',
        echo=False,
    ),
    "message": Dialect(
        before=b'{"type":"message","text":"',
        unique=b'","client_id":"',
        after=b'"}',
        ready=b'"type":"welcome"',
    ),
    "tutorial": Dialect(before=b'{"message":"', after=b'"}'),
    "raw": Dialect(),
}
