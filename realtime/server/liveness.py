"""Whether the peer of a socket is still there, by what is heard of it: frames and pongs."""

import time
from collections.abc import Callable
from enum import Enum, auto

from realtime.conf import conf

PING_INTERVAL = conf.PING_INTERVAL  # seconds
SILENCE = conf.SILENCE  # unheard for so long: told and closed with 4408
# Unheard for so long: dropped, whether or not it answered the close. Others are told within a
# second or so of that, and so know within 25 s.
DROP = conf.SILENCE_DROP
# The server looks every 2 s. When it did not for so long it was busy or asleep itself, and what
# came meanwhile has not been read: that time is not held against the peer.
STALL = conf.STALL


class Verdict(Enum):
    WELL = auto()
    ASK = auto()  # with a ping
    GONE = auto()


class Liveness:
    """In seconds of `clock`, which only goes forward.

    The first ping goes out `early`, so that those who came together are not all asked at once.
    """

    __slots__ = ("_asked_at", "_clock", "_heard_at", "_looked_at")

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, early: float = 0.0) -> None:
        self._clock = clock
        self._heard_at = self._looked_at = clock()
        self._asked_at = self._heard_at - early

    def heard(self) -> None:
        self._heard_at = self._clock()

    @property
    def silence(self) -> float:
        return self._clock() - self._heard_at

    @property
    def waits(self) -> bool:
        """Whether nothing has been heard since the last ping."""
        return self._asked_at > self._heard_at

    def look(self) -> Verdict:
        """Called every few seconds; whoever is told ASK pings the peer."""
        now = self._clock()
        if (unwatched := now - self._looked_at) > STALL:
            self._heard_at = min(now, self._heard_at + unwatched)
        self._looked_at = now
        if now - self._heard_at >= SILENCE:
            return Verdict.GONE
        if now - self._asked_at >= PING_INTERVAL:
            self._asked_at = now
            return Verdict.ASK
        return Verdict.WELL
