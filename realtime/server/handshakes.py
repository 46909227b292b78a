"""New sockets are begun a few in each turn of the loop.

One takes a millisecond from its handshake until its consumer runs. Of 5,000 that came at once all
were begun in the same turn, and whoever was served by then waited for it at each step: a health
check for 17 s.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

logger = structlog.get_logger(__name__)

PER_TURN = 8


class Handshakes:
    def __init__(self, call_soon: Callable[[Callable[[], None]], Any]) -> None:
        """`call_soon` calls in the next turn."""
        self._call_soon = call_soon
        self._waiting: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def put(self, begin: Callable[[], None]) -> None:
        """Call `begin` in its turn."""
        self._waiting.append(begin)
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            self._call_soon(self._begin_some)

    def _begin_some(self) -> None:
        self._scheduled = False
        for _ in range(min(PER_TURN, len(self._waiting))):
            begin = self._waiting.popleft()
            try:
                begin()
            except Exception:
                logger.exception("connection_failed")
        self._schedule()
