"""When Python's collector of cyclic garbage looks at everything: rarely, for nobody is served then.

A full collection takes 50 µs for each open socket, half a second at 10,000, and Python would have
one for each quarter that the process grows. Our own closed sockets leave nothing for it: each cycle
is cut where the connection ends (the outbox's stop(), the protocol's connectionLost, the user of a
credential). What it is still for: requests over HTTP, whose cycles are Django's and mostly die
young, and the consumers of others.
"""

import gc

from realtime.conf import conf

GARBAGE_SOCKETS = conf.GARBAGE_SOCKETS
GARBAGE_PASSES = conf.GARBAGE_PASSES


def settle() -> None:
    """Before serving. What is loaded by now stays: it is never looked at again."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, GARBAGE_PASSES)


class Guard:
    """Has everything looked at when as many sockets have closed as are still open.

    So what a consumer leaves of its sockets is never more than what the open ones hold, or
    GARBAGE_SOCKETS of them; after a crowd has left it is looked at at once, and stalls nobody.
    """

    def __init__(self) -> None:
        self._closed = 0

    def closed(self) -> None:
        self._closed += 1

    def look(self, *, connections: int) -> None:
        """Called every second or so."""
        if self._closed >= max(GARBAGE_SOCKETS, connections):
            self._closed = 0
            gc.collect()
