"""Every delivery is counted and checked: the text, the order in the room, who got how many."""

import time
from collections.abc import Callable
from itertools import zip_longest
from typing import Protocol

from benchmarks.load.dialects import Dialect

TEXT_BYTES = 120
MARK = b"#"  # begins each text, and occurs nowhere else in any server's frames


class Failure(Exception):
    """A delivery was lost, repeated, changed or out of order: there is no figure then."""


class Hearer(Protocol):
    """A member: `heard` are the serials of the messages that came, in their order."""

    heard: list[int]

    def send(self, payload: bytes) -> None: ...


class Flight:
    """A message on its way to the members; `serial` counts the room's messages from 0."""

    __slots__ = ("remaining", "sender", "sent_at", "serial")

    def __init__(self, serial: int, sender: int, remaining: int) -> None:
        self.serial = serial
        self.sender = sender
        self.remaining = remaining
        self.sent_at = time.perf_counter()


class Tally:
    """What is in flight in one room, and what went wrong.

    `senders` send; `listener` only listens, so that it hears all of it: its order is the room's.
    """

    listener: Hearer

    def __init__(self, dialect: Dialect, *, text_bytes: int = TEXT_BYTES) -> None:
        self.dialect = dialect
        self.text_bytes = text_bytes
        self.flights: dict[bytes, Flight] = {}
        self.senders: list[Hearer] = []
        self.deliveries = 0
        self.reordered = 0  # members that heard another order, where the server promises none
        self.failures: list[str] = []
        self.landed: Callable[[Tally, Flight], None] = lambda tally, flight: None
        self.errors: list[bytes] = []  # what the server said against it
        self._sent_by: list[int] = []  # serial -> sender
        self._seq: int | None = None  # of the last message, where the server numbers them

    def launch(self, turn: int) -> None:
        """The senders take turns."""
        serial, sender = len(self._sent_by), turn % len(self.senders)
        self._sent_by.append(sender)
        text = b"#%013d;" % serial
        text += b"x" * (self.text_bytes - len(text))
        recipients = len(self.senders) + self.dialect.echo
        self.flights[text] = Flight(serial, sender, recipients)
        self.senders[sender].send(self.dialect.frame(text, serial))

    def came(self, member: Hearer, text: bytes) -> None:
        flight = self.flights.get(text)
        if flight is None:
            self.failures.append(f"unknown, repeated or changed: {text[:40]!r}")
            return
        # Compared in `check`, when nothing is measured.
        member.heard.append(flight.serial)
        self.deliveries += 1
        flight.remaining -= 1
        if not flight.remaining:
            del self.flights[text]
            self.landed(self, flight)

    def numbered(self, frame: bytes) -> None:
        """The listener's frame of a message: each `seq` follows the one before."""
        if not self.dialect.seq:
            return
        seq = _integer(frame, self.dialect.seq)
        if seq is None or (self._seq is not None and seq != self._seq + 1):
            self.failures.append(f"seq {seq} after {self._seq}")
        self._seq = seq

    def check(self) -> None:
        """Raise Failure for what went wrong up to now."""
        if self.flights:
            missing = [flight.remaining for flight in self.flights.values()]
            self.failures.append(
                f"{sum(missing)} deliveries, of {len(missing)} messages, were lost, "
                f"after {self.deliveries}"
            )
        else:
            self._compare()
        if self.failures:
            said = f"; the server said {self.errors[0].decode()}" if self.errors else ""
            raise Failure(f"{len(self.failures)} failures, first: {self.failures[0]}{said}")

    def _compare(self) -> None:
        order = self.listener.heard
        latest: dict[int, int] = {}  # sender -> serial
        for serial in order:
            sender = self._sent_by[serial]
            if serial < latest.get(sender, 0):
                self.failures.append(f"a sender's {serial} came after its {latest[sender]}")
            latest[sender] = serial
        for number, member in enumerate(self.senders):
            own = not self.dialect.echo and number in latest
            expected = [one for one in order if self._sent_by[one] != number] if own else order
            if member.heard != expected:
                self._differs(member.heard, expected)
            member.heard.clear()
        order.clear()

    def _differs(self, heard: list[int], expected: list[int]) -> None:
        if not self.dialect.ordered and sorted(heard) == sorted(expected):
            self.reordered += 1
            return
        pairs = enumerate(zip_longest(heard, expected))
        at = next(place for place, (one, other) in pairs if one != other)
        self.failures.append(
            f"a member heard {heard[at : at + 5]} where another heard {expected[at : at + 5]}"
        )


def _integer(frame: bytes, mark: bytes) -> int | None:
    """The digits behind the mark."""
    at = frame.find(mark)
    end = at = at + len(mark) if at >= 0 else len(frame)
    while frame[end : end + 1].isdigit():
        end += 1
    return int(frame[at:end]) if end > at else None
