"""What waits for one server of the channel layer.

A publication takes a server's round trip, and costs each process that hears of it as much again,
whatever it holds. So what comes for a group meanwhile goes out together.
"""

from collections import deque
from collections.abc import Sequence

from realtime.conf import conf
from realtime.packet import Packet
from realtime.switchboard import PEOPLE

# Of packets that wait; those of the group that waits longest give way, and are read from the log.
LIMIT = conf.SEND_QUEUE
LIMIT_BYTES = conf.SEND_QUEUE_BYTES
# A message holds several packets up to this size: two hundred posts, and no long wait for others.
MESSAGE_BYTES = 64 * 1024


class SendQueue:
    """By group, each in the order in which its packets came; whoever waits longest is next."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Packet]] = {}
        self._length = self._bytes = 0

    def __len__(self) -> int:
        """In packets."""
        return self._length

    def put(self, group: str, packet: Packet) -> int:
        """Returns how many packets gave way."""
        self._waiting.setdefault(group, deque()).append(packet)
        self._count(packet, 1)
        lost = 0
        while self._length > LIMIT or self._bytes > LIMIT_BYTES:
            self._pop(self._least_needed())
            lost += 1
        return lost

    def take(self) -> tuple[str, list[Packet]]:
        """A group and what is to go out for it in one message. For who knows that some waits."""
        group = next(iter(self._waiting))
        packets = [self._pop(group)]
        size = len(packets[0].payload)
        while (rest := self._waiting.get(group)) and size + len(rest[0].payload) <= MESSAGE_BYTES:
            size += len(rest[0].payload)
            packets.append(self._pop(group))
        if rest:  # after the others
            self._waiting[group] = self._waiting.pop(group)
        return group, packets

    def put_back(self, group: str, packets: Sequence[Packet]) -> None:
        """What was taken and could not be sent is next again."""
        after = self._waiting.pop(group, ())
        self._waiting = {group: deque([*packets, *after]), **self._waiting}
        for packet in packets:
            self._count(packet, 1)

    def _least_needed(self) -> str:
        """What is for PEOPLE is in no log: it gives way when there is nothing else."""
        return next((group for group in self._waiting if group != PEOPLE), PEOPLE)

    def _pop(self, group: str) -> Packet:
        waiting = self._waiting[group]
        packet = waiting.popleft()
        if not waiting:
            del self._waiting[group]
        self._count(packet, -1)
        return packet

    def _count(self, packet: Packet, number: int) -> None:
        self._length += number
        self._bytes += number * len(packet.payload)
