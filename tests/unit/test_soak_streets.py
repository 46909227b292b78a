"""Whom a fault touches, and since when it does not any more."""

import time
from math import inf

from soak.streets import Streets
from soak.workers import Door


def streets() -> Streets:
    return Streets([Door("http://127.0.0.1:1"), Door("http://127.0.0.1:2")])


def test_a_fault_at_one_door_spares_the_other() -> None:
    there = streets()
    there.touch(1)
    assert (there.calm(0), there.calm(1)) == (True, False)
    assert (there.calm_since(0), there.calm_since(1)) == (0.0, inf)
    assert (there.reached_since(0), there.reached_since(1)) == (0.0, inf)


def test_a_fault_without_a_door_touches_everybody_and_leaves_all_doors_open() -> None:
    there = streets()
    there.touch()
    assert there.calm_since(0) == there.calm_since(1) == inf
    assert there.reached_since(0) == there.reached_since(1) == 0.0


def test_what_was_touched_is_calm_since_it_was_spared() -> None:
    there = streets()
    there.touch(0)
    before = time.monotonic()
    there.spare()
    assert there.calm_since(0) >= before
    assert there.reached_since(0) >= before
    assert there.calm_since(1) == 0.0


def test_sparing_one_door_leaves_a_fault_of_everybody_where_it_is() -> None:
    there = streets()
    there.touch()
    there.touch(0)
    there.spare(0)
    assert there.calm_since(0) == inf
    assert there.reached_since(0) < inf
