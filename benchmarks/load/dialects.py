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
    `answers` are what is said to frames that begin so: a handshake, a ping. `ordered`: all members
    hear one order, or the run is a failure. `seq` is before the number that the server gives.
    """

    before: bytes = b""
    after: bytes = b""
    ready: bytes = b""
    echo: bool = True
    unique: bytes = b""
    answers: tuple[tuple[bytes, bytes], ...] = ()
    ordered: bool = False
    seq: bytes = b""

    def answer(self, payload: bytes) -> bytes:
        """What to say to a frame that is no message; b"" for nothing."""
        return next((said for start, said in self.answers if payload.startswith(start)), b"")

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
        ordered=True,
    ),
    "message": Dialect(
        before=b'{"type":"message","text":"',
        unique=b'","client_id":"',
        after=b'"}',
        ready=b'"type":"welcome"',
        ordered=True,
        seq=b'"seq":',
    ),
    "socketio": Dialect(  # Engine.IO: 0 opens, 2 pings, 3 pongs, 4 carries; Socket.IO: 40 joins
        before=b'42["chat message","',
        after=b'"]',
        ready=b"40{",
        answers=((b"0{", b"40"), (b"2", b"3")),
    ),
    "tutorial": Dialect(before=b'{"message":"', after=b'"}'),
    "raw": Dialect(),
}
