"""The collector is called for what closed sockets may have left, and for nothing else."""

import gc
from collections.abc import Iterator

import pytest

from realtime.server import garbage
from realtime.server.garbage import GARBAGE_PASSES, GARBAGE_SOCKETS, Guard


class Collections:
    """How often everything was looked at."""

    def __init__(self) -> None:
        self.count = 0

    def collect(self) -> None:
        self.count += 1


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> Collections:
    collections = Collections()
    monkeypatch.setattr(garbage, "gc", collections)
    return collections


@pytest.fixture
def unsettled() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def closed(guard: Guard, sockets: int) -> None:
    for _ in range(sockets):
        guard.closed()


def test_a_few_closed_sockets_are_not_worth_a_look(collections: Collections) -> None:
    guard = Guard()
    closed(guard, GARBAGE_SOCKETS - 1)
    guard.look(connections=0)
    assert collections.count == 0


def test_a_crowd_that_left_is_looked_at_once(collections: Collections) -> None:
    guard = Guard()
    closed(guard, GARBAGE_SOCKETS)
    guard.look(connections=0)
    guard.look(connections=0)
    assert collections.count == 1


def test_many_open_sockets_are_held_up_only_when_as_many_have_closed(
    collections: Collections,
) -> None:
    guard = Guard()
    closed(guard, 2 * GARBAGE_SOCKETS - 1)
    guard.look(connections=2 * GARBAGE_SOCKETS)
    assert collections.count == 0
    closed(guard, 1)
    guard.look(connections=2 * GARBAGE_SOCKETS)
    assert collections.count == 1


@pytest.mark.usefixtures("unsettled")
def test_what_is_loaded_is_frozen_and_the_rest_looked_at_rarely() -> None:
    young, middle, _ = gc.get_threshold()
    garbage.settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (young, middle, GARBAGE_PASSES)
