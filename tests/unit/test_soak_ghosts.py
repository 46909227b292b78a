"""Who is shown in a room and is not there has 20 s, counted from the moment of going."""

from types import SimpleNamespace
from typing import Any

import pytest

from soak.faults.crowds import GHOSTS_GONE
from soak.ghosts import LOOK_EVERY, Ghosts
from soak.ledger import Ledger
from soak.streets import Streets
from soak.workers import Door

NOW = 1000.0


class Room:
    """A room in which a member is told of people who come and go."""

    def __init__(self) -> None:
        self.streets = Streets([Door("http://127.0.0.1:1")])
        self.ledger = Ledger()
        self.strangers: set[str] = set()
        self.here = {"ann"}
        self.ann = SimpleNamespace(
            room="room",
            door=0,
            shown={"ann"},
            online=1,
            person=SimpleNamespace(name="Ann"),
            welcomed=SimpleNamespace(is_set=lambda: True),
        )
        self.members = [self.ann]

    def watcher(self, _: str) -> Any:
        return self.ann

    def people_in(self, _: str) -> set[str]:
        return self.here


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def ghosts(room: Room) -> Ghosts:
    return Ghosts(room)  # type: ignore[arg-type]


def test_somebody_who_was_gone_for_too_long_is_a_breach_and_told_once(
    room: Room, ghosts: Ghosts
) -> None:
    room.ann.shown.add("ben")
    for passed in (0, GHOSTS_GONE, GHOSTS_GONE + LOOK_EVERY, GHOSTS_GONE + 2):
        ghosts.look(NOW + passed)
    assert room.ledger.broken == {"D": 1}
    assert ghosts.left == 1


def test_somebody_who_goes_in_time_is_none(room: Room, ghosts: Ghosts) -> None:
    room.ann.shown.add("ben")
    ghosts.look(NOW)
    room.ann.shown.remove("ben")
    ghosts.look(NOW + GHOSTS_GONE - 1)
    assert (room.ledger.broken, ghosts.left) == ({}, 0)
    assert room.ledger.figures["somebody who was gone shown for, s"] == GHOSTS_GONE - 1


def test_each_has_a_time_of_their_own(room: Room, ghosts: Ghosts) -> None:
    room.ann.shown.add("ben")
    ghosts.look(NOW)
    room.ann.shown.remove("ben")
    room.ann.shown.add("cleo")
    ghosts.look(NOW + 15)
    ghosts.look(NOW + 30)
    assert not room.ledger.broken


def test_people_who_are_there_and_strangers_are_none(room: Room, ghosts: Ghosts) -> None:
    room.here.add("ben")
    room.strangers.add("cleo")
    room.ann.shown |= {"ben", "cleo"}
    ghosts.look(NOW)
    assert ghosts.left == 0


def test_while_a_fault_touches_everybody_nobody_can_be_told_and_then_20_s_begin(
    room: Room, ghosts: Ghosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.ann.shown.add("ben")
    ghosts.look(NOW)
    room.streets.touch()
    ghosts.look(NOW + 50)
    monkeypatch.setattr("soak.streets.time.monotonic", lambda: NOW + 60)
    room.streets.spare()
    ghosts.look(NOW + 60 + GHOSTS_GONE)
    assert not room.ledger.broken
    ghosts.look(NOW + 61 + GHOSTS_GONE)
    assert room.ledger.broken == {"D": 1}


def test_what_they_could_not_be_told_is_not_counted(
    room: Room, ghosts: Ghosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.ann.shown.add("ben")
    ghosts.look(NOW)
    monkeypatch.setattr("soak.streets.time.monotonic", lambda: NOW + 60)
    room.streets.touch()
    room.streets.spare()
    room.ann.shown.remove("ben")
    ghosts.look(NOW + 65)
    assert room.ledger.figures["somebody who was gone shown for, s"] == 5
