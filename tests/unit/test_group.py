"""The order in which a group delivers, whatever the layer does to the packets."""

import json
from collections.abc import Iterable
from secrets import token_urlsafe

from hypothesis import example, given
from hypothesis import strategies as st

from realtime.group import AHEAD_LIMIT, JOINING_BUFFER, Group
from realtime.outbox import Frames
from realtime.packet import Packet


class Member:
    """Each packet's payload is its `seq`."""

    def __init__(self, connection_id: str | None = None, person_id: str = "p") -> None:
        self.connection_id = connection_id or token_urlsafe()
        self.person_id = person_id
        self.seqs: list[int | None] = []
        self.writes = 0

    def deliver(self, frames: Frames) -> None:
        self.writes += 1
        self.seqs += [json.loads(text) for text in frames.texts]


def packet(seq: int | None, *, skip: str | None = None) -> Packet:
    return Packet(json.dumps(seq).encode(), seq=seq, skip=skip)


def entries(seqs: Iterable[int]) -> list[tuple[int, bytes]]:
    return [(seq, b"%d" % seq) for seq in seqs]


def new_group() -> Group:
    """A group that writes at once."""
    return Group("room.1", on_waiting=Group.flush)


def group_with(member: Member, *, head: int = 0) -> Group:
    group = new_group()
    group.join(member)
    group.start_at(head)
    group.go_live(member, after=head)
    return group


def receive(group: Group, *seqs: int | None) -> None:
    for seq in seqs:
        group.receive(packet(seq))


def test_packets_in_order_are_delivered_as_they_come() -> None:
    member = Member()
    receive(group_with(member), 1, 2, 3)
    assert member.seqs == [1, 2, 3]


def test_a_repeat_is_dropped() -> None:
    member = Member()
    receive(group_with(member), 1, 1, 2, 1, 2)
    assert member.seqs == [1, 2]


def test_packets_ahead_of_a_gap_wait_until_it_is_filled() -> None:
    member = Member()
    group = group_with(member)
    receive(group, 1, 4, 3)
    assert member.seqs == [1]
    assert group.has_gap
    receive(group, 2)
    assert member.seqs == [1, 2, 3, 4]
    assert not group.has_gap


def test_a_gap_is_filled_from_the_log_without_repeats() -> None:
    member = Member()
    group = group_with(member)
    receive(group, 1, 4)
    group.heal(entries([2, 3, 4, 5]))
    receive(group, 5, 6)
    assert member.seqs == [1, 2, 3, 4, 5, 6]


def test_too_much_ahead_of_a_gap_is_left_to_the_log() -> None:
    member = Member()
    group = group_with(member)
    receive(group, *range(2, AHEAD_LIMIT + 100))
    group.heal(entries(range(1, AHEAD_LIMIT + 100)))
    assert member.seqs == list(range(1, AHEAD_LIMIT + 100))


def test_where_the_log_has_lost_some_the_group_goes_on_from_what_is_left() -> None:
    member = Member()
    group = group_with(member)
    receive(group, 1, 90, 3)
    group.heal(entries([80, 81, 82]))
    receive(group, 82, 83)
    assert member.seqs == [1, 80, 81, 82, 83]
    group.heal(entries(range(84, 90)))
    assert member.seqs == [1, *range(80, 91)]
    assert not group.has_gap


def test_transient_packets_wait_for_nothing() -> None:
    member = Member()
    group = group_with(member)
    receive(group, 5, None)
    assert member.seqs == [None]


def test_what_comes_before_the_head_is_known_is_delivered_from_there() -> None:
    member = Member()
    group = new_group()
    group.join(member)
    receive(group, 7, 8, 9)
    group.start_at(7)
    group.go_live(member, after=7)
    assert member.seqs == [8, 9]


def test_a_joiner_gets_what_came_since_its_read_and_nothing_twice() -> None:
    first, second = Member(), Member()
    group = group_with(first)
    receive(group, 1)
    group.join(second)
    receive(group, 2, 3)
    assert group.go_live(second, after=2)
    receive(group, 4)
    assert second.seqs == [3, 4]


def test_a_joiner_whose_buffer_ran_over_goes_live_once_it_has_read_what_is_missing() -> None:
    first, second = Member(), Member()
    group = group_with(first)
    group.join(second)
    receive(group, *range(1, JOINING_BUFFER + 10))
    assert not group.go_live(second, after=0)
    receive(group, JOINING_BUFFER + 10)
    assert second.seqs == []
    assert group.go_live(second, after=JOINING_BUFFER)
    receive(group, JOINING_BUFFER + 11)
    assert second.seqs == list(range(JOINING_BUFFER + 1, JOINING_BUFFER + 12))


def test_a_joiner_misses_nothing_where_another_who_read_later_began_the_group() -> None:
    early, late = Member(), Member()
    group = new_group()
    group.join(early)
    group.join(late)
    group.start_at(17)
    assert group.go_live(late, after=17)
    assert not group.go_live(early, after=14)
    receive(group, 18)
    assert group.go_live(early, after=17)
    receive(group, 19)
    assert early.seqs == late.seqs == [18, 19]


def test_a_joiner_who_read_further_than_the_group_gets_what_follows_that() -> None:
    first, second = Member(), Member()
    group = group_with(first)
    group.join(second)
    assert group.go_live(second, after=2)
    receive(group, 1, None, 2, 3)
    assert (first.seqs, second.seqs) == ([1, None, 2, 3], [None, 3])
    assert not group._beyond


def test_one_who_leaves_before_the_group_has_come_so_far_leaves_nothing_behind() -> None:
    first, second = Member(), Member()
    group = group_with(first)
    group.join(second)
    group.go_live(second, after=2)
    group.leave(second)
    receive(group, 1)
    assert not group._beyond


def test_a_packet_skips_one_connection_or_all_of_a_person() -> None:
    here, there, other = Member("a", "1"), Member("b", "1"), Member("c", "2")
    group = group_with(here)
    for member in (there, other):
        group.join(member)
        group.go_live(member, after=0)
    group.receive(packet(None, skip="a"))
    group.receive(packet(None, skip="1"))
    assert [len(m.seqs) for m in (here, there, other)] == [0, 1, 2]


def test_who_left_gets_nothing_more() -> None:
    member = Member()
    group = group_with(member)
    group.leave(member)
    receive(group, 1)
    assert member.seqs == []
    assert group.empty


def lazy_group_with(*members: Member) -> Group:
    group = Group("room.1", on_waiting=lambda _: None)
    group.start_at(0)
    for member in members:
        group.join(member)
        group.go_live(member, after=0)
    return group


def test_what_waits_together_is_one_write() -> None:
    member = Member()
    group = lazy_group_with(member)
    receive(group, 1, None, 2)
    assert member.writes == 0
    assert [packet.seq for packet in group.flush()] == [1, None, 2]
    assert (member.seqs, member.writes) == ([1, None, 2], 1)
    assert group.flush() == []


def test_skips_hold_in_a_batch_too() -> None:
    here, other = Member("a", "1"), Member("c", "2")
    group = lazy_group_with(here, other)
    for seq, skip in ((None, "a"), (1, None), (None, "1")):
        group.receive(packet(seq, skip=skip))
    group.flush()
    assert (here.seqs, other.seqs) == ([1], [None, 1, None])


def test_what_waits_when_a_joiner_goes_live_reaches_it_once() -> None:
    first, second = Member(), Member()
    group = lazy_group_with(first)
    receive(group, 1)
    group.join(second)
    receive(group, 2)
    group.go_live(second, after=1)
    group.flush()
    receive(group, 3)
    group.flush()
    assert first.seqs == [1, 2, 3]
    assert second.seqs == [2, 3]


_steps = st.lists(
    st.one_of(
        st.tuples(st.just("post"), st.integers(1, 3)),
        st.tuples(st.just("hint"), st.integers(0, 30)),
        st.tuples(st.just("heal"), st.just(0)),
        st.tuples(st.just("join"), st.just(0)),
        st.tuples(st.just("read"), st.integers(0, 2)),
        st.tuples(st.just("live"), st.integers(0, 2)),
        st.tuples(st.just("leave"), st.integers(0, 5)),
        st.tuples(st.just("transient"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
    ),
    max_size=60,
)


_OVERTAKEN = [
    *(("join", 0), ("join", 0), ("read", 0), ("post", 1), ("read", 1)),
    *(("live", 1), ("post", 1), ("live", 0)),
]


@given(_steps)
@example(_OVERTAKEN)
def test_every_member_gets_the_log_in_order_whatever_is_lost_repeated_or_late(  # noqa: C901
    steps: list[tuple[str, int]],
) -> None:
    """`post` grows the log; `hint` delivers, late, again or never, any entry of it.

    Joiners read the head and go live in any order.
    """
    group = Group("room.1", on_waiting=lambda _: None)
    head = 0
    joining: list[Member] = []
    started: dict[Member, int] = {}
    live: list[Member] = []
    gone: list[Member] = []

    def heal() -> None:
        if group.last is not None:
            group.heal(entries(range(group.last + 1, head + 1)))

    def go_live(member: Member) -> None:
        """As Hub.catch_up and LogConsumer.go_live do."""
        start = started.setdefault(member, head)
        group.start_at(start)
        assert group.last is not None
        if group.last < start:
            heal()
        if not group.go_live(member, after=start):
            member.seqs += range(start + 1, head + 1)
            heal()
            assert group.go_live(member, after=head)

    for step, number in steps:
        if step == "post":
            head += number
        elif step == "hint" and 0 < number <= head:
            receive(group, number)
        elif step == "transient":
            receive(group, None)
        elif step == "flush":
            group.flush()
        elif step == "heal":
            heal()
        elif step == "join":
            joining.append(Member())
            group.join(joining[-1])
        elif step == "read" and number < len(joining):
            started.setdefault(joining[number], head)
        elif step == "live" and number < len(joining):
            live.append(joining.pop(number))
            go_live(live[-1])
        elif step == "leave" and number < len(live):
            gone.append(live.pop(number))
            group.leave(gone[-1])
    heal()
    group.flush()
    for member in live:
        assert [s for s in member.seqs if s] == list(range(started[member] + 1, head + 1))
    for member in gone:
        seqs, start = [s for s in member.seqs if s], started[member]
        assert seqs == list(range(start + 1, start + 1 + len(seqs)))
