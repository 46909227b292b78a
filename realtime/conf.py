"""The engine's numbers: settings of the host project, each with a default that was measured.

A project changes some of them with `REALTIME = {"HIGH_MARK": 512 * 1024}` in its Django settings.
They are read once, at the start; an unknown name or a value that makes no sense stops it. What each
does stands in docs/settings.md.
"""

from itertools import pairwise
from typing import Annotated, TypeVar

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from msgspec import Meta

DAY = 86_400

Seconds = Annotated[float, Meta(gt=0, le=DAY)]
Count = Annotated[int, Meta(ge=1, le=2**31)]
Bytes = Annotated[int, Meta(ge=1024, le=2**40)]
Spread = tuple[Seconds, Seconds]  # clients come back at a moment between the two

S = TypeVar("S", bound=msgspec.Struct)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Times are in seconds, sizes in bytes; all else is counted."""

    # The log and the layer
    HEADS_INTERVAL: Seconds = 5.0
    HEADS_INTERVAL_WITHOUT_LAYER: Seconds = 1.0
    HEAL_BATCH: Count = 500
    GAP_PATIENCE: Seconds = 0.03
    LINGER: Seconds = 2.0
    JOINING_BUFFER: Count = 1024
    AHEAD_LIMIT: Count = 1024
    RECOVERY_LIMIT: Count = 1000
    RECOVERY_CHUNK: Bytes = 64 * 1024
    BEAT_INTERVAL: Seconds = 1.0
    BEAT_LATE: Seconds = 1.5
    BEAT_TOLERANCE: Seconds = 3.0
    SEND_TIMEOUT: Seconds = 1.0
    SEND_QUEUE: Count = 10_000
    SEND_QUEUE_BYTES: Bytes = 16 * 1024 * 1024
    LAYER_RETRY_DELAY: Seconds = 1.0

    # Sockets
    BACKLOG: Count = 4096
    MAX_SOCKETS: Annotated[int, Meta(ge=0)] = 0
    SHORT_FLUSH: Seconds = 0.001
    LONGEST_DELAY: Seconds = 0.008
    LOW_MARK: Bytes = 64 * 1024
    HIGH_MARK: Bytes = 256 * 1024
    OUTBOX_LIMIT: Bytes = 1024 * 1024
    SEND_BUFFER: Bytes = 128 * 1024
    SLOW_GRACE: Seconds = 10.0
    SLOW_FAREWELL: Seconds = 1.0
    OUTBOX_POLL: Seconds = 0.01
    INBOUND_LIMIT: Count = 64
    BACKGROUND_LIMIT: Count = 64
    STRIKES: Count = 20
    STRIKES_WINDOW: Seconds = 60.0
    PING_INTERVAL: Seconds = 10.0
    SILENCE: Seconds = 20.0
    SILENCE_DROP: Seconds = 22.5
    STALL: Seconds = 4.0
    GARBAGE_SOCKETS: Count = 1000
    GARBAGE_PASSES: Count = 1000

    # The end of a socket, of a request, of a server
    CLOSE_TIMEOUT: Seconds = 5.0
    SETTLE_SECONDS: Seconds = 0.1
    DRAIN_SECONDS: Seconds = 20.0
    FLUSH_SECONDS: Seconds = 2.0
    BODY_DRAIN_SECONDS: Seconds = 10.0
    RETRY_AFTER: Seconds = 2.0
    RETURN_WITHIN: Spread = (0.5, 5.0)
    RETURNS_PER_SECOND: Count = 400
    PLACE_RETURN_WITHIN: Spread = (5.0, 15.0)

    # What is kept in Redis or in the process
    LEASE: Seconds = 13.0
    LEASE_REFRESH: Seconds = 5.0
    LEASE_BEGIN_TIMEOUT: Seconds = 5.0
    PRESENCE_BATCH_DELAY: Seconds = 0.1
    PRESENCE_BATCH_INTERVAL: Seconds = 1.0
    NAMED_LIMIT: Count = 100
    REPORT_INTERVAL: Seconds = 1.0
    REPORT_LEASE: Seconds = 5.0
    STORE_TIMEOUT: Seconds = 0.5
    STORE_AWAY_SECONDS: Seconds = 5.0
    REDIS_TIMEOUT: Seconds = 2.0
    REDIS_CONNECTIONS: Count = 32
    REDIS_BLOCKING_TIMEOUT: Seconds = 0.5
    RATES_TIDY_INTERVAL: Seconds = 60.0

    # The database
    DATABASE_THREADS: Count = 6
    SWEEP_TICK: Seconds = 1.0
    SWEEP_BATCH: Count = 500
    SWEEP_KEYS: Count = 100
    SWEEP_INTERVAL: Seconds = 30.0
    SWEEP_INTERVAL_UNHEARD: Seconds = 3.0

    def __post_init__(self) -> None:
        for names in _ASCENDING:
            values = [getattr(self, name) for name in names]
            if any(low >= high for low, high in pairwise(values)):
                raise ValueError(f"these must ascend: {', '.join(names)}")
        for name in ("RETURN_WITHIN", "PLACE_RETURN_WITHIN"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} must begin before it ends")


_ASCENDING = (
    ("LOW_MARK", "HIGH_MARK", "OUTBOX_LIMIT"),
    ("PING_INTERVAL", "SILENCE", "SILENCE_DROP"),
    ("BEAT_INTERVAL", "BEAT_LATE", "BEAT_TOLERANCE"),
    ("LEASE_REFRESH", "LEASE"),
    ("REPORT_INTERVAL", "REPORT_LEASE"),
)


def read(name: str, kind: type[S]) -> S:
    """The Django setting of that name, a dictionary, as `kind`. Raises ImproperlyConfigured."""
    try:
        return msgspec.convert(getattr(settings, name, {}), kind)
    except msgspec.ValidationError as error:
        raise ImproperlyConfigured(f"The setting {name}: {error}") from error


conf = read("REALTIME", Settings)
