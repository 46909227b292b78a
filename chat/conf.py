"""Chat's numbers, as realtime.conf has the engine's: `CHAT = {"POST_BATCH": 32}`."""

import msgspec

from realtime.conf import Count, Seconds, read


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    POST_BATCH: Count = 64
    TYPING_INTERVAL: Seconds = 2.0
    READS_INTERVAL: Seconds = 1.0
    UNREAD_INTERVAL: Seconds = 1.0


conf = read("CHAT", Settings)
