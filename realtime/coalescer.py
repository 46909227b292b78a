"""When a group's waiting packets are written.

Writing to a large group takes longer than a message takes to arrive, and each write is a system
call per socket, whatever its size. So packets that come while the loop is busy with a flush go out
together with the next one: one write per socket, however many they are.
"""

from collections.abc import Callable
from typing import Any, Protocol

from realtime import metrics
from realtime.conf import conf
from realtime.group import Group
from realtime.packet import Packet

SHORT_FLUSH = conf.SHORT_FLUSH  # seconds: after a flush as short as this the next one goes at once
LONGEST_DELAY = conf.LONGEST_DELAY


class Clock(Protocol):
    """An event loop, or what a test puts in its place."""

    def time(self) -> float: ...

    def call_soon(self, callback: Callable[..., object], *args: Any) -> object: ...

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> object: ...


class Coalescer:
    """Give `on_waiting` and `flush` to the groups.

    After a short flush the next goes at once, that is at the end of this turn of the loop, so that
    what arrived in the same turn shares it. After a long one the group rests for as long as that
    took, but never longer than LONGEST_DELAY: half of the time, at most, goes into writing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rests_until: dict[str, float] = {}  # where the last flush was long

    def on_waiting(self, group: Group) -> None:
        rest = self._rests_until.get(group.name, 0.0) - self._clock.time()
        if rest <= 0:
            self._clock.call_soon(self.flush, group)
        else:
            self._clock.call_later(rest, self.flush, group)

    def flush(self, group: Group) -> None:
        began = self._clock.time()
        packets = group.flush()
        if not packets:  # a joiner's `go_live` was first
            return
        ended = self._clock.time()
        duration = ended - began
        _count(packets, sockets=len(group.active), duration=duration)
        if duration < SHORT_FLUSH:
            self._rests_until.pop(group.name, None)
        else:
            self._rests_until[group.name] = ended + min(duration, LONGEST_DELAY)

    def forget(self, group: Group) -> None:
        self._rests_until.pop(group.name, None)


def _count(packets: list[Packet], *, sockets: int, duration: float) -> None:
    """Those that skip a socket are counted as if they did not."""
    metrics.packets.inc(len(packets))
    metrics.writes.inc(sockets)
    metrics.frames_out.inc(sockets * len(packets))
    metrics.bytes_out.inc(sockets * sum(len(packet.payload) for packet in packets))
    metrics.flush_seconds.observe(duration)
