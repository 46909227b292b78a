"""When packets that wait together are written, by a clock of the test's own."""

from collections.abc import Callable
from typing import Any

import pytest

from realtime.coalescer import LONGEST_DELAY, Coalescer
from realtime.group import Group
from realtime.outbox import Frames
from realtime.packet import Packet


class Clock:
    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], object]]] = []

    def time(self) -> float:
        return self.now

    def call_soon(self, callback: Callable[..., object], *args: Any) -> None:
        self.call_later(0.0, callback, *args)

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> None:
        self.calls.append((delay, lambda: callback(*args)))

    def turn(self) -> list[float]:
        """Make the calls that are due; returns how long each was to wait."""
        calls, self.calls = self.calls, []
        for _, call in calls:
            call()
        return [delay for delay, _ in calls]


class Reader:
    """Takes `pace` seconds for a write."""

    connection_id = person_id = ""

    def __init__(self, clock: Clock, pace: float = 0.0) -> None:
        self.clock = clock
        self.pace = pace
        self.writes: list[int] = []

    def deliver(self, frames: Frames) -> None:
        self.writes.append(len(frames.texts))
        self.clock.now += self.pace


def group_of(coalescer: Coalescer, reader: Reader) -> Group:
    group = Group("g", on_waiting=coalescer.on_waiting)
    group.join(reader)
    group.go_live(reader, after=0)
    return group


def scene(pace: float = 0.0) -> tuple[Clock, Reader, Group, Coalescer]:
    clock = Clock()
    coalescer, reader = Coalescer(clock), Reader(clock, pace)
    return clock, reader, group_of(coalescer, reader), coalescer


def receive(group: Group, count: int) -> None:
    for _ in range(count):
        group.receive(Packet(b"1"))


def test_a_packet_on_its_own_goes_at_once() -> None:
    clock, reader, group, _ = scene()
    receive(group, 1)
    assert clock.turn() == [0.0]
    assert reader.writes == [1]


def test_what_came_in_the_same_turn_is_one_write() -> None:
    clock, reader, group, _ = scene()
    receive(group, 3)
    assert clock.turn() == [0.0]
    assert reader.writes == [3]


def test_after_a_long_flush_the_next_waits_as_long() -> None:
    clock, _, group, _ = scene(pace=0.005)
    receive(group, 1)
    clock.turn()
    receive(group, 1)
    assert clock.turn() == [pytest.approx(0.005)]


def test_it_never_waits_longer_than_the_limit() -> None:
    clock, _, group, _ = scene(pace=1.0)
    receive(group, 1)
    clock.turn()
    receive(group, 1)
    assert clock.turn() == [pytest.approx(LONGEST_DELAY)]


def test_a_short_flush_ends_the_waiting() -> None:
    clock, reader, group, _ = scene(pace=0.005)
    receive(group, 1)
    clock.turn()
    reader.pace = 0.0
    receive(group, 1)
    clock.turn()
    receive(group, 1)
    assert clock.turn() == [0.0]


def test_who_comes_after_the_rest_does_not_wait() -> None:
    clock, _, group, _ = scene(pace=0.005)
    receive(group, 1)
    clock.turn()
    clock.now += 0.004
    receive(group, 1)
    assert clock.turn() == [pytest.approx(0.001)]
    clock.now += 3600
    receive(group, 1)
    assert clock.turn() == [0.0]


def test_one_slow_group_does_not_slow_another() -> None:
    clock, _, slow, coalescer = scene(pace=0.005)
    quick = Group("other", on_waiting=coalescer.on_waiting)
    receive(slow, 1)
    clock.turn()
    receive(quick, 1)
    assert clock.turn() == [0.0]


def test_what_a_joiner_has_flushed_is_not_flushed_again() -> None:
    clock, reader, group, _ = scene()
    receive(group, 1)
    group.flush()
    clock.turn()
    assert reader.writes == [1]


def test_a_group_that_is_gone_leaves_nothing_behind() -> None:
    clock, _, group, coalescer = scene(pace=0.005)
    receive(group, 1)
    clock.turn()
    coalescer.forget(group)
    assert coalescer._rests_until == {}
