"""One group of a hub: its local sockets, and the order in which they get the log.

Free of I/O: the hub feeds it packets and entries of the log, and asks what is missing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from realtime.outbox import Frames
from realtime.packet import Batch, Packet

# A joining socket waits for its first database read; more than this meanwhile is read again.
JOINING_BUFFER = 1024
# Packets that arrived ahead of a gap. Past this they are dropped and read from the log instead.
AHEAD_LIMIT = 1024


class Subscriber(Protocol):
    connection_id: str
    person_id: str

    def deliver(self, frames: Frames) -> None:
        """Write to the socket. Must not block or raise."""


class Group:
    """`last` is the highest `seq` that was taken; None until the head is known.

    What was taken waits, in order, until `flush()` writes it to the sockets. `on_waiting` is called
    when something begins to wait.
    """

    __slots__ = ("_ahead", "_on_waiting", "active", "joining", "last", "name", "waiting")

    def __init__(self, name: str, *, on_waiting: Callable[["Group"], None]) -> None:
        self.name = name
        self.waiting: list[Packet] = []
        self._on_waiting = on_waiting
        self.last: int | None = None
        self.active: dict[Subscriber, None] = {}
        self.joining: dict[Subscriber, deque[Packet]] = {}
        self._ahead: dict[int, Packet] = {}

    @property
    def empty(self) -> bool:
        return not (self.active or self.joining)

    @property
    def has_gap(self) -> bool:
        return bool(self._ahead) and self.last is not None

    def receive(self, packet: Packet) -> None:
        """Take a packet in whatever order it comes: deliver it in turn, drop a repeat."""
        seq = packet.seq
        if seq is None:
            self._take(packet)
        elif self.last is None or seq > self.last + 1:
            if len(self._ahead) < AHEAD_LIMIT:
                self._ahead[seq] = packet
        elif seq == self.last + 1:
            self.last = seq
            self._take(packet)
            self._take_ahead()

    def start_at(self, head: int) -> None:
        """Set the head of a group that did not know it; what is newer follows."""
        if self.last is None:
            self.last = head
            self._take_ahead()

    def heal(self, entries: Iterable[tuple[int, bytes]]) -> None:
        """Deliver entries read from the log, ascending; those delivered meanwhile are dropped."""
        for seq, payload in entries:
            self.receive(Packet(payload, seq=seq))

    def join(self, subscriber: Subscriber) -> None:
        self.joining[subscriber] = deque(maxlen=JOINING_BUFFER)

    def go_live(self, subscriber: Subscriber, *, after: int) -> bool:
        """Hand over what was buffered beyond `after`, and everything from now on.

        False if the buffer overflowed: entries between `after` and `last` are then missing, and
        the subscriber has to be told.
        """
        self.flush()  # what waits is in the buffer too
        buffered = [p for p in self.joining.pop(subscriber) if p.seq is None or p.seq > after]
        # The group takes packets in order, so only the oldest can be missing.
        oldest = next((p.seq for p in buffered if p.seq is not None), None)
        complete = (after >= (self.last or 0)) if oldest is None else oldest == after + 1
        _deliver([p for p in buffered if complete or p.seq is None], subscriber)
        self.active[subscriber] = None
        return complete

    def leave(self, subscriber: Subscriber) -> None:
        self.active.pop(subscriber, None)
        self.joining.pop(subscriber, None)

    def _take_ahead(self) -> None:
        assert self.last is not None
        while self._ahead:
            if packet := self._ahead.pop(self.last + 1, None):
                self.last += 1
                self._take(packet)
            elif min(self._ahead) <= self.last:
                self._ahead = {seq: p for seq, p in self._ahead.items() if seq > self.last}
            else:
                return

    def _take(self, packet: Packet) -> None:
        for buffer in self.joining.values():
            buffer.append(packet)
        self.waiting.append(packet)
        if len(self.waiting) == 1:
            self._on_waiting(self)

    def flush(self) -> list[Packet]:
        """Write what waits to every active socket; returns it."""
        packets, self.waiting = self.waiting, []
        if not packets:
            return packets
        if all(packet.skip is None for packet in packets):
            frames = packets[0] if len(packets) == 1 else Batch(packets)
            for subscriber in self.active:
                subscriber.deliver(frames)
        else:
            self._flush_with_skips(packets)
        return packets

    def _flush_with_skips(self, packets: list[Packet]) -> None:
        """Most sockets are skipped by nothing: they share one batch all the same."""
        skips = {packet.skip for packet in packets}
        frames = Batch(packets)
        for subscriber in self.active:
            if subscriber.connection_id in skips or subscriber.person_id in skips:
                _deliver(packets, subscriber)
            else:
                subscriber.deliver(frames)


def _deliver(packets: list[Packet], subscriber: Subscriber) -> None:
    """The packets that are not to skip this subscriber."""
    skips = {subscriber.connection_id, subscriber.person_id}
    if wanted := [packet for packet in packets if packet.skip not in skips]:
        subscriber.deliver(Batch(wanted))
