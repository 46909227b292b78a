"""The in-memory channel layer, for one process."""

import time

from channels.layers import InMemoryChannelLayer


class MemoryLayer(InMemoryChannelLayer):  # type: ignore[misc]  # Channels' stubs leave it untyped
    """Channels' layer, with its sweep for expired messages at most once a second.

    The stock one scans every channel and group at each send and receive: 7 ms at 5,000 groups.
    """

    _swept_at = 0.0

    def _clean_expired(self) -> None:
        now = time.monotonic()
        if now - self._swept_at >= 1:
            self._swept_at = now
            super()._clean_expired()
