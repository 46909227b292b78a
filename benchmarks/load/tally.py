"""Every delivery is counted and checked: the text, each sender's order, who got how many."""

import time
from collections.abc import Callable

from benchmarks.load.dialects import Dialect
from benchmarks.load.sockets import Client

TEXT_BYTES = 120
MARK = b"#"  # begins each text, and occurs nowhere else in any server's frames


class Failure(Exception):
    """A delivery was lost, repeated, changed or out of order: there is no figure then."""


class Flight:
    """A message on its way to the members."""

    __slots__ = ("number", "remaining", "sender", "sent_at")

    def __init__(self, sender: int, number: int, remaining: int) -> None:
        self.sender = sender
        self.number = number
        self.remaining = remaining
        self.sent_at = time.perf_counter()


class Tally:
    """What is in flight in one room, and what went wrong."""

    def __init__(self, dialect: Dialect, *, text_bytes: int = TEXT_BYTES) -> None:
        self.dialect = dialect
        self.text_bytes = text_bytes
        self.flights: dict[bytes, Flight] = {}
        self.members: list[Member] = []
        self.numbers: dict[int, int] = {}  # sender -> messages sent
        self.deliveries = 0
        self.failures: list[str] = []
        self.landed: Callable[[Tally, Flight], None] = lambda tally, flight: None
        self.errors: list[bytes] = []  # what the server said against it
        self._frames = 0

    def launch(self, sender: int) -> None:
        number = self.numbers[sender] = self.numbers.get(sender, 0) + 1
        text = b"#%05d:%08d;" % (sender, number)
        text += b"x" * (self.text_bytes - len(text))
        recipients = len(self.members) - (0 if self.dialect.echo else 1)
        self.flights[text] = Flight(sender, number, recipients)
        self._frames += 1
        self.members[sender].send(self.dialect.frame(text, self._frames))

    def came(self, member: "Member", text: bytes) -> None:
        flight = self.flights.get(text)
        if flight is None:
            self.failures.append(f"unknown, repeated or changed: {text[:40]!r}")
            return
        if member.last.get(flight.sender, 0) != flight.number - 1:
            self.failures.append(f"out of order: {text[:16]!r} after {member.last}"[:200])
        member.last[flight.sender] = flight.number
        self.deliveries += 1
        flight.remaining -= 1
        if not flight.remaining:
            del self.flights[text]
            self.landed(self, flight)

    def check(self) -> None:
        if self.flights:
            missing = [flight.remaining for flight in self.flights.values()]
            self.failures.append(
                f"{sum(missing)} deliveries, of {len(missing)} messages, were lost, "
                f"after {self.deliveries}"
            )
        if self.failures:
            said = f"; the server said {self.errors[0].decode()}" if self.errors else ""
            raise Failure(f"{len(self.failures)} failures, first: {self.failures[0]}{said}")


class Member(Client):
    def __init__(self, tally: Tally) -> None:
        super().__init__(tally.dialect.ready)
        self.last: dict[int, int] = {}  # sender -> number of the last message that came
        self._tally = tally
        tally.members.append(self)

    def received(self, payload: bytes) -> None:
        at = payload.find(MARK)
        if at >= 0:
            self._tally.came(self, payload[at : at + self._tally.text_bytes])
        elif b'"error"' in payload:
            self._tally.errors.append(payload)

    def gone(self) -> None:
        self._tally.failures.append(f"a socket was closed: {self.close_code}")
