"""Where the last publications of each topic are kept: here in the process, for a site with one.

A topic is kept from its first publication on, until it gives way. Its log is told by its epoch, a
microsecond before which nothing of it is known, and an offset in it: 1, 2, 3 … Their sum is the
`seq` by which hubs order.

When a topic gives way, the epoch of that PART of all names moves on: when it is made again, all
that follows is beyond everything before it, and hubs see a gap. The epochs of the other parts stay,
so that who follows a topic before its first publication sees none. This asks of the clock (with
Redis: of Redis's clock) that it never goes back by more than the time for which a topic was lost.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple, Protocol

from topics.names import topic_id

MICROSECONDS = 1_000_000
PART = 3  # hexadecimal digits of a topic's id: 4,096 parts, so that their epochs need little room


class Limits(NamedTuple):
    """Beyond them the oldest publications of a topic give way, or whole topics.

    Of too many topics, or bytes, those longest unused go first, of whoever has most: nobody can
    make others' topics go by making ever more of their own.
    """

    publications: int = 100  # of a topic
    topic_bytes: int = 512 * 1024  # half of what an outbox takes: all of it may be missed at once
    topics: int = 10_000
    total_bytes: int = 64 * 1024 * 1024
    idle: float = 24 * 3600.0  # seconds


LIMITS = Limits()


class Head(NamedTuple):
    """Where a topic stands: 0 is before its first publication."""

    epoch: int
    offset: int

    @property
    def seq(self) -> int:
        return self.epoch + self.offset


class Kept(NamedTuple):
    """The last publications of a topic, up to its head.

    `lost` if not all are there that were asked for; they are then all that is left.
    """

    topic: str
    head: Head
    payloads: list[bytes]
    lost: bool

    @property
    def before(self) -> int:
        """The `seq` that the payloads follow."""
        return self.head.seq - len(self.payloads)

    @property
    def entries(self) -> list[tuple[int, bytes]]:
        return list(enumerate(self.payloads, self.before + 1))


class TopicStore(Protocol):
    """Blocking, and for any thread. All raise TopicsAway. Whatever names a topic uses it."""

    def head(self, topic_id: str) -> Head:
        """Where the topic stands or, before its first publication, will begin."""

    def publish(self, topic: str, unnumbered: bytes, *, share: str = "") -> Head:
        """Give the publication the next offset and keep it. Returns its place.

        `share` says whose the topic is to be, if it is new.
        """

    def read(self, topic_id: str, *, after: int) -> Kept | None:
        """What follows the `seq`; None if there is no such topic."""

    def heads(self, topic_ids: Iterable[str]) -> dict[str, int]:
        """The `seq` of the head of each topic that exists."""


def numbered(unnumbered: bytes, offset: int) -> bytes:
    """The frame, once its offset, which is its last field, is known."""
    return b"%s%d}" % (unnumbered, offset)


@dataclass(slots=True)
class _Topic:
    name: str
    share: str
    epoch: int
    used: float
    offset: int = 0
    size: int = 0
    payloads: deque[bytes] = field(default_factory=deque)

    @property
    def head(self) -> Head:
        return Head(self.epoch, self.offset)


class MemoryTopics:
    def __init__(self, limits: Limits = LIMITS, *, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = Lock()
        self._topics: OrderedDict[str, _Topic] = OrderedDict()  # the longest unused first
        self._size = 0  # in bytes
        self._sizes: Counter[str] = Counter()  # the same by share
        self._counts: Counter[str] = Counter()  # of topics, by share
        self._began = self._now()
        self._epochs: dict[str, int] = {}  # of the parts in which a topic gave way

    def head(self, topic_id: str) -> Head:
        with self._lock:
            found = self._used(topic_id)
            return found.head if found else Head(self._epoch(topic_id), 0)

    def publish(self, topic: str, unnumbered: bytes, *, share: str = "") -> Head:
        with self._lock:
            found = self._used(topic_id(topic)) or self._made(topic, share)
            found.offset += 1
            self._keep(found, numbered(unnumbered, found.offset))
            self._tidy()
            return found.head

    def read(self, topic_id: str, *, after: int) -> Kept | None:
        with self._lock:
            if (found := self._used(topic_id)) is None:
                return None
            behind = found.head.seq - after
            lost = not 0 <= behind <= len(found.payloads)
            payloads = list(found.payloads)
            missed = payloads if lost else payloads[len(payloads) - behind :]
            return Kept(found.name, found.head, missed, lost)

    def heads(self, topic_ids: Iterable[str]) -> dict[str, int]:
        with self._lock:
            found = {topic_id: self._used(topic_id) for topic_id in topic_ids}
            self._tidy()
            return {name: topic.head.seq for name, topic in found.items() if topic}

    def _made(self, topic: str, share: str) -> _Topic:
        key = topic_id(topic)
        made = _Topic(name=topic, share=share, epoch=self._epoch(key), used=self._clock())
        self._topics[key] = made
        self._counts[share] += 1
        return made

    def _epoch(self, topic_id: str) -> int:
        return self._epochs.get(topic_id[:PART], self._began)

    def _now(self) -> int:
        return int(self._clock() * MICROSECONDS)

    def _used(self, topic_id: str) -> _Topic | None:
        if found := self._topics.get(topic_id):
            found.used = self._clock()
            self._topics.move_to_end(topic_id)
        return found

    def _keep(self, topic: _Topic, payload: bytes) -> None:
        self._resize(topic, by=len(payload))
        topic.payloads.append(payload)
        while (
            len(topic.payloads) > self._limits.publications or topic.size > self._limits.topic_bytes
        ):
            self._resize(topic, by=-len(topic.payloads.popleft()))

    def _resize(self, topic: _Topic, *, by: int) -> None:
        topic.size += by
        self._size += by
        self._sizes[topic.share] += by

    def _tidy(self) -> None:
        while (given_way := self._too_much()) is not None:
            self._drop(given_way)

    def _too_much(self) -> str | None:
        """The id of the topic that is next to give way."""
        if len(self._topics) > self._limits.topics:
            return self._of_the_largest(self._counts)
        if self._size > self._limits.total_bytes:
            return self._of_the_largest(self._sizes)
        oldest = next(iter(self._topics), None)
        if oldest and self._topics[oldest].used <= self._clock() - self._limits.idle:
            return oldest
        return None

    def _of_the_largest(self, shares: Counter[str]) -> str:
        """A look at all topics, half a millisecond for 10,000: it ends at the first that fits."""
        most = max(shares.values())
        return next(key for key, topic in self._topics.items() if shares[topic.share] == most)

    def _drop(self, topic_id: str) -> None:
        topic = self._topics.pop(topic_id)
        self._resize(topic, by=-topic.size)
        self._counts[topic.share] -= 1
        if not self._counts[topic.share]:
            del self._counts[topic.share], self._sizes[topic.share]
        self._epochs[topic_id[:PART]] = max(self._now(), topic.head.seq + 1)
