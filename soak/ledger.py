"""What all clients sent and saw, and each promise that was broken."""

import asyncio
import time
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import quantiles

PROMISES = {
    "A": "what was acknowledged is stored exactly once",
    "B": "every member has the same list without gaps, 10 s after a fault at most",
    "C": "no socket gets a number twice or backwards",
    "D": "who is gone is seen to be gone: within 20 s, 1 s after a graceful end",
    "E": "memory grows by 40 KiB per socket and 1 MiB per slow one at most, and comes back",
    "F": "those whom a fault spares hear of 99 % of messages within 500 ms",
    "G": "/healthz answers within 1 s, and no traceback is logged",
    "H": "nothing reaches those who are no members",
    "I": "without Redis no socket closes, and 99 % of messages are acknowledged within 1 s",
    "J": "who is told that the site is unavailable is told when to come again",
}
STALL = 0.2  # seconds
KEPT = 20  # breaches of a promise that are told in words; all are counted


@dataclass
class Post:
    room: str
    client_id: str
    text: str
    door: int  # of the author
    calm: bool  # no fault touched the author, who was there all the time
    during: str = ""  # the fault that was the last to begin
    sent_at: float = field(default_factory=time.monotonic)
    tried_at: float = 0.0
    seq: int | None = None  # once acknowledged


class Ledger:
    def __init__(self) -> None:
        self.posts: dict[str, Post] = {}
        self.deliveries = 0
        self.repeated = 0
        self.backwards = 0
        self.gaps = 0
        self.resyncs = 0
        self.reconnects = 0
        self.errors: Counter[str] = Counter()
        self.latencies = array("d")
        # Those of them that a fault should not have touched, by what happened when they were sent.
        self.spared: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        self.acks = array("d")
        self.blackouts = array("d")  # seconds that a client was without a socket
        self.breaches: dict[str, list[str]] = {}
        self.broken: Counter[str] = Counter()
        self.broken_during: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.figures: dict[str, float] = {}  # what faults measured, by name
        self.effects: dict[str, dict[str, int]] = {}  # fault -> what it did, and how often
        self._ticked, self._stalled = time.monotonic(), 0.0
        self.during = "the load"  # or the fault that was the last to begin

    async def watch_itself(self) -> None:
        """A soak that stands still for want of CPU would take its own delay for the site's."""
        while True:
            self._tick()
            await asyncio.sleep(STALL / 4)

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._ticked > STALL:
            self._stalled = now
        self._ticked = now

    def breach(self, promise: str, what: str, *, during: str = "") -> None:
        """During what happens now, unless it is found out later."""
        during = during or self.during
        self.broken[promise] += 1
        self.broken_during[during][promise] += 1
        told = self.breaches.setdefault(promise, [])
        if len(told) < KEPT:
            told.append(f"during {during}: {what}")

    def acked(self, client_id: str, seq: int) -> None:
        post = self.posts[client_id]
        if post.seq is None:
            post.seq = seq
            self.acks.append(time.monotonic() - post.sent_at)
        elif post.seq != seq:
            self.breach("A", f"{client_id} was acknowledged as {post.seq}, then as {seq}")

    def delivered(self, client_id: str, *, there_since: float, calm_since: float) -> None:
        """When the reader came, and since when no fault touched author or reader; else inf."""
        self.deliveries += 1
        post = self.posts.get(client_id)
        if post is not None and post.sent_at > there_since:
            latency = time.monotonic() - post.sent_at
            self.latencies.append(latency)
            self._tick()
            if post.calm and post.sent_at > max(calm_since, self._stalled):
                self.spared[post.during].append(latency)

    def figure(self, name: str, value: float) -> None:
        """Keep the largest."""
        self.figures[name] = max(value, self.figures.get(name, value))

    @property
    def acknowledged(self) -> int:
        return sum(post.seq is not None for post in self.posts.values())


def percentile(values: "array[float]", percent: int) -> float | None:
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]
