"""How each server is spoken to: what opens a room, what is published, what comes back."""

import secrets
from dataclasses import dataclass

# A client_id that was used before is answered and not posted again: no two loads share one.
RUN = secrets.token_hex(4).encode()


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
            return self.before + text + self.unique + client_id(number) + self.after
        return self.before + text + self.after


def client_id(number: int) -> bytes:
    return b"%s-%d" % (RUN, number)


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
