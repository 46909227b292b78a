"""The count and check of every delivery that a benchmark's load makes."""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

from benchmarks.load.dialects import DIALECTS, Dialect
from benchmarks.load.tally import TEXT_BYTES, Failure, Hearer, Tally

MEMBERS = 10
ORDERED = Dialect(ordered=True)
UNORDERED = Dialect()
SILENT = Dialect(echo=False, ordered=True)
NUMBERED = Dialect(ordered=True, seq=b'"seq":')


class Member:
    def __init__(self, wire: list[tuple["Member", bytes]]) -> None:
        self.heard: list[int] = []
        self._wire = wire

    def send(self, payload: bytes) -> None:
        self._wire.append((self, payload[:TEXT_BYTES]))


class Room:
    """A tally with members, and the server between them: what was sent is on the wire."""

    def __init__(self, dialect: Dialect) -> None:
        self.wire: list[tuple[Member, bytes]] = []
        self.tally = Tally(dialect)
        self.tally.listener = Member(self.wire)
        self.tally.senders += [Member(self.wire) for _ in range(MEMBERS - 1)]

    @property
    def members(self) -> list[Hearer]:
        return [*self.tally.senders, self.tally.listener]

    def launch(self, *turns: int) -> list[tuple[Member, bytes]]:
        """What came on the wire."""
        for turn in turns:
            self.tally.launch(turn)
        sent = self.wire[:]
        self.wire.clear()
        return sent

    def deliver(self, sent: list[tuple[Member, bytes]], to: list[Hearer] | None = None) -> None:
        for member in to or self.members:
            for sender, text in sent:
                if self.tally.dialect.echo or member is not sender:
                    self.tally.came(member, text)


@pytest.mark.parametrize("dialect", [ORDERED, SILENT])
def test_a_room_in_which_all_hear_the_same_passes(dialect: Dialect) -> None:
    room = Room(dialect)

    room.deliver(room.launch(0, 1, 2, 3))
    room.tally.check()

    assert room.tally.deliveries == 4 * (MEMBERS if dialect.echo else MEMBERS - 1)


def test_one_member_may_be_ahead_of_the_others() -> None:
    room = Room(SILENT)
    sent = room.launch(0, 1)
    sender, *others = room.members

    room.deliver(sent, [sender])  # has no first message: it is its own
    room.deliver(sent, others)

    room.tally.check()


@pytest.mark.parametrize("dialect", [ORDERED, SILENT])
@pytest.mark.parametrize("who", [0, 5, -1])
def test_a_member_that_hears_two_neighbours_swapped_is_a_failure(
    dialect: Dialect, who: int
) -> None:
    room = Room(dialect)
    sent = room.launch(1, 2)
    other = room.members[who]

    room.deliver(sent[::-1], [other])
    room.deliver(sent, [member for member in room.members if member is not other])

    with pytest.raises(Failure, match="where another heard"):
        room.tally.check()


def test_many_orders_in_a_long_run_are_a_failure() -> None:
    room = Room(ORDERED)
    shuffled = random.Random(1)
    for _ in range(1000):
        sent = room.launch(0, 1, 2, 3)
        for member in room.members:
            room.deliver(shuffled.sample(sent, len(sent)), [member])

    with pytest.raises(Failure):
        room.tally.check()


def test_a_sender_whose_messages_are_swapped_for_all_is_a_failure() -> None:
    room = Room(ORDERED)

    room.deliver(room.launch(0, 0)[::-1])

    with pytest.raises(Failure, match="a sender's 0 came after its 1"):
        room.tally.check()


def test_members_of_a_server_that_promises_no_order_are_counted() -> None:
    room = Room(UNORDERED)
    sent = room.launch(0, 1)

    room.deliver(sent[::-1], room.members[:2])
    room.deliver(sent, room.members[2:])
    room.tally.check()

    assert room.tally.reordered == 2


@pytest.mark.parametrize("dialect", [ORDERED, UNORDERED])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda sent: sent[1:], "were lost"),
        (lambda sent: [sent[0], *sent], "where another heard|unknown, repeated"),
        (lambda sent: [(sent[0][0], b"#" + b"y" * 119), *sent[1:]], "changed"),
    ],
)
def test_what_is_lost_repeated_or_changed_for_one_member_is_a_failure(
    dialect: Dialect, wrong: Callable[[Any], Any], said: str
) -> None:
    room = Room(dialect)
    sent = room.launch(0, 1)

    room.deliver(wrong(sent), room.members[:1])
    room.deliver(sent, room.members[1:])

    with pytest.raises(Failure, match=said):
        room.tally.check()


def test_one_message_in_the_place_of_another_is_a_failure_without_order_too() -> None:
    room = Room(UNORDERED)
    first, second = room.launch(0, 1)
    twice, never, *others = room.members

    room.deliver([first, first], [twice])
    room.deliver([second, second], [never])
    room.deliver([first, second], others)

    with pytest.raises(Failure, match="where another heard"):
        room.tally.check()


def test_a_late_repeat_is_seen_by_the_next_check() -> None:
    room = Room(ORDERED)
    sent = room.launch(0)
    room.deliver(sent)
    room.tally.check()

    room.deliver(sent, room.members[:1])

    with pytest.raises(Failure, match="repeated"):
        room.tally.check()


def test_a_check_begins_the_next_comparison() -> None:
    room = Room(ORDERED)
    for _ in range(3):
        room.deliver(room.launch(0, 1))
        room.tally.check()

    assert not any(member.heard for member in room.members)


def numbered(*seqs: str) -> Iterator[bytes]:
    return (b'{"text":"#","seq":%b,"timestamp":""}' % seq.encode() for seq in seqs)


def test_each_seq_follows_the_one_before() -> None:
    room = Room(NUMBERED)

    for frame in numbered("7", "8", "9", "10"):
        room.tally.numbered(frame)

    room.tally.check()


@pytest.mark.parametrize("seqs", [("7", "9"), ("8", "7"), ("7", "7"), ("7", "null")])
def test_a_seq_that_does_not_follow_is_a_failure(seqs: tuple[str, str]) -> None:
    room = Room(NUMBERED)

    for frame in numbered(*seqs):
        room.tally.numbered(frame)

    with pytest.raises(Failure, match="seq"):
        room.tally.check()


def test_nobody_is_asked_for_numbers_that_they_do_not_give() -> None:
    room = Room(DIALECTS["event"])

    room.tally.numbered(next(numbered("null")))

    room.tally.check()


def test_a_failure_says_what_the_server_said_against_it() -> None:
    room = Room(ORDERED)
    room.launch(0)
    room.tally.errors.append(b'{"code":"rate_limited"}')

    with pytest.raises(Failure, match="the server said"):
        room.tally.check()


def test_a_message_lands_once_the_last_member_has_it() -> None:
    room = Room(ORDERED)
    landed: list[int] = []
    room.tally.landed = lambda _tally, flight: landed.append(flight.serial)
    sent = room.launch(0)

    room.deliver(sent, list(islice(room.members, MEMBERS - 1)))
    assert landed == []
    room.deliver(sent, room.members[-1:])

    assert landed == [0]
