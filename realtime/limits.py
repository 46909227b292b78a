"""How often one may do a thing. How many sockets one may have is in realtime.places.

The numbers are settings, 0 for none. They are counted in Redis where there is one, for all workers
together; while it is away each worker counts its own, so that nobody is locked out or kept waiting.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import structlog
from django.conf import settings

from realtime import redis
from realtime.close_codes import ErrorCode
from realtime.conf import conf
from realtime.errors import FrameError
from realtime.limit_store import MemoryRates, Rate, RedisRates

logger = structlog.get_logger(__name__)

STORE_TIMEOUT = conf.STORE_TIMEOUT
# After a failure: by then one caller tries whether Redis is back.
AWAY_SECONDS = conf.STORE_AWAY_SECONDS
ROUNDING = 0.1  # of an interval, so that a sum of fractions does not cost the last of a burst
STRIKES = conf.STRIKES
STRIKES_WINDOW = conf.STRIKES_WINDOW  # seconds


@dataclass(frozen=True, slots=True)
class Limit:
    """So many per `seconds`, as the setting says; `burst` seconds' worth may come at once."""

    setting: str
    seconds: float
    burst: float

    @property
    def rate(self) -> Rate | None:
        """None for no limit."""
        return _rate(getattr(settings, self.setting, 0), self.seconds, self.burst)


@cache
def _rate(number: float, seconds: float, burst: float) -> Rate | None:
    if not number:
        return None
    interval = seconds / number
    return Rate(interval, max(0.0, burst - interval) + interval * ROUNDING)


HANDSHAKES = Limit("LIMIT_HANDSHAKES_PER_SECOND", 1, burst=2)
FRAMES = Limit("LIMIT_FRAMES_PER_SECOND", 1, burst=2)
MESSAGES = Limit("LIMIT_MESSAGES_PER_SECOND", 1, burst=2)
API = Limit("LIMIT_API_PER_SECOND", 1, burst=2)
LOGINS = Limit("LIMIT_LOGINS_PER_MINUTE", 60, burst=60)
# Of one name, from everywhere: five times as many, or one address could lock any account.
LOGINS_OF_NAME = Limit("LIMIT_LOGINS_PER_MINUTE", 60 / 5, burst=60)
GUESTS = Limit("LIMIT_GUESTS_PER_MINUTE", 60, burst=60)


def too_soon(wait: float) -> FrameError:
    return FrameError(ErrorCode.RATE_LIMITED, "Not so fast.", retry_after=tidy(wait))


def tidy(seconds: float) -> float:
    """For `retry_after`: milliseconds, and never 0."""
    return max(0.001, round(seconds + 0.0005, 3))


class Bucket:
    """The rate of one socket. A call is a few hundred nanoseconds: it is made for every frame."""

    __slots__ = ("_clock", "_due", "_interval", "_slack")

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval, self._slack = rate
        self._clock = clock
        self._due = 0.0

    def take(self) -> float:
        """0 if it may be; else the seconds until it may."""
        now = self._clock()
        due = self._due
        if due < now:
            due = now
        elif due - now > self._slack:
            return due - now - self._slack
        self._due = due + self._interval
        return 0.0


class Strikes:
    """What is borne a number of times in a minute, and then no more."""

    __slots__ = ("_clock", "_times")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: deque[float] | None = None  # most sockets never need it

    def out(self) -> bool:
        """One more. True if that was the last."""
        if self._times is None:
            self._times = deque(maxlen=STRIKES)
        self._times.append(self._clock())
        return len(self._times) == STRIKES and self._times[-1] - self._times[0] < STRIKES_WINDOW


class _Reach:
    """Whether Redis is worth asking: after a failure only one caller in a while tries."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failed = False
        self._try_at = 0.0

    def ask(self) -> bool:
        if not self._failed:
            return True
        now = self._clock()
        if now < self._try_at:
            return False
        self._try_at = now + AWAY_SECONDS
        return True

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Around one question to Redis: a failure is kept in mind, and goes no further."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it is, this process can count itself
            logger.warning("limit_store_away", error=str(error) or type(error).__name__)
            self._failed = True
            self._try_at = self._clock() + AWAY_SECONDS
        else:
            self._failed = False


class Rates:
    """What each has taken of what is limited by rate."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._here = MemoryRates(clock)
        self._shared = RedisRates()
        self._reach = _Reach(clock)

    async def take(self, limit: Limit, who: str) -> float:
        """0 if `who` may; else the seconds until they may. Never raises, nor waits for long."""
        if (rate := limit.rate) is None or not who:
            return 0.0
        key = f"{limit.setting}:{who}"
        if redis.configured() and self._reach.ask():
            with self._reach.noted():
                async with asyncio.timeout(STORE_TIMEOUT):
                    return await self._shared.take(key, rate)
        return self._here.take(key, rate)

    def take_blocking(self, limit: Limit, who: str) -> float:
        """The same, for a thread that runs no event loop."""
        if (rate := limit.rate) is None or not who:
            return 0.0
        key = f"{limit.setting}:{who}"
        if redis.configured() and self._reach.ask():
            with self._reach.noted():
                return self._shared.take_blocking(key, rate)
        return self._here.take(key, rate)

    def take_here(self, key: str, rate: Rate) -> float:
        """As `take`, of this process alone: for what is not worth a question to Redis."""
        return self._here.take(key, rate)


rates = Rates()
