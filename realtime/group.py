"""One group of a hub: its local sockets, and the order in which they get the log.

Free of I/O: the hub feeds it packets and entries of the log, and asks what is missing.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from realtime.conf import conf
from realtime.outbox import Frames
from realtime.packet import Batch, Packet

# A joining socket waits for its first database read; more than this meanwhile is read again.
JOINING_BUFFER = conf.JOINING_BUFFER
# Packets that arrived ahead of a gap. Past this they are dropped and read from the log instead.
AHEAD_LIMIT = conf.AHEAD_LIMIT


class Subscriber(Protocol):
    connection_id: str  # one subscriber of a group has it
    person_id: str

    def deliver(self, frames: Frames) -> None:
        """Write to the socket. Must not block or raise."""


class Group:
    """`last` is the highest `seq` that was taken; None until the head is known.

    What was taken waits, in order, until `flush()` writes it to the sockets. `on_waiting` is called
    when something begins to wait.
    """

    __slots__ = (
        "_ahead",
        "_beyond",
        "_flush",
        "_on_waiting",
        "active",
        "joining",
        "last",
        "name",
        "waiting",
    )

    def __init__(
        self,
        name: str,
        *,
        on_waiting: Callable[["Group"], None],
        flush: Callable[["Group"], object] | None = None,
    ) -> None:
        """`flush` calls `flush()` for a joiner, who cannot wait for its turn."""
        self.name = name
        self._flush = flush or Group.flush
        self.waiting: list[Packet] = []
        self._on_waiting = on_waiting
        self.last: int | None = None
        self.active: dict[str, Subscriber] = {}  # by connection id
        self._beyond: dict[str, int] = {}  # those who have read further than the group has come
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
        """Deliver entries read from the log beyond `last`, ascending.

        Those delivered meanwhile are dropped. Where the log has lost some, the group goes on from
        what is left of it.
        """
        assert self.last is not None
        for seq, payload in entries:
            if seq > self.last:
                self.last = seq
                self._take(Packet(payload, seq=seq))
        self._take_ahead()

    def join(self, subscriber: Subscriber) -> None:
        self.joining[subscriber] = deque(maxlen=JOINING_BUFFER)

    def go_live(self, subscriber: Subscriber, *, after: int) -> bool:
        """Hand over what was buffered beyond `after`, and everything from now on.

        False, and still joining, if what follows `after` is not at hand: the buffer ran over, or
        another joiner, who read the log later, began the group beyond it. Read the log, catch up,
        come again.
        """
        self._flush(self)  # what waits is in the buffer too
        buffered = [p for p in self.joining[subscriber] if p.seq is None or p.seq > after]
        # The group takes packets in order, so only the oldest can be missing.
        oldest = next((p.seq for p in buffered if p.seq is not None), (self.last or 0) + 1)
        if oldest > after + 1:
            return False
        del self.joining[subscriber]
        _deliver(buffered, subscriber)
        self.active[subscriber.connection_id] = subscriber
        if self.last is not None and after > self.last:
            self._beyond[subscriber.connection_id] = after
        return True

    def leave(self, subscriber: Subscriber) -> None:
        self.joining.pop(subscriber, None)
        if self.active.get(subscriber.connection_id) is subscriber:
            del self.active[subscriber.connection_id]
            self._beyond.pop(subscriber.connection_id, None)

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
        everybody = self.active
        if apart := self._apart(packets):
            everybody = everybody.copy()
            for name, subscriber in apart.items():
                del everybody[name]
                _deliver(packets, subscriber, after=self._beyond.get(name, 0))
        frames = packets[0] if len(packets) == 1 else Batch(packets)
        for subscriber in everybody.values():
            subscriber.deliver(frames)
        if self._beyond:
            last = self.last or 0
            self._beyond = {name: seq for name, seq in self._beyond.items() if seq > last}
        return packets

    def _apart(self, packets: list[Packet]) -> dict[str, Subscriber]:
        """Those who do not get all of it."""
        apart = {name: self.active[name] for name in self._beyond}
        if skips := {packet.skip for packet in packets if packet.skip is not None}:
            apart |= self._whom(skips)
        return apart

    def _whom(self, skips: set[str]) -> dict[str, Subscriber]:
        """Those who are skipped. Connections are found at once, people by looking at everybody."""
        skipped = {skip: self.active[skip] for skip in skips & self.active.keys()}
        if len(skipped) == len(skips):
            return skipped
        return {
            name: each
            for name, each in self.active.items()
            if name in skips or each.person_id in skips
        }


def _deliver(packets: list[Packet], subscriber: Subscriber, *, after: int = 0) -> None:
    """The packets that are new to this subscriber and not to skip it."""
    skips = {subscriber.connection_id, subscriber.person_id}
    wanted = [
        packet
        for packet in packets
        if packet.skip not in skips and (packet.seq is None or packet.seq > after)
    ]
    if wanted:
        subscriber.deliver(Batch(wanted))
