"""Telling members what is unread: from the database, once a second, in one packet."""

import asyncio
from typing import Any

import pytest

from chat import unread as module
from chat.unread import UnreadBoard, unread_changed
from realtime import database
from realtime.hub import hubs

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    told: list[set[int]] = []
    monkeypatch.setattr(module, "tell_unread", lambda rooms: told.append(set(rooms)))
    monkeypatch.setattr(module, "INTERVAL", 0.05)
    return told


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.005)


async def test_the_first_change_is_told_at_once_and_those_meanwhile_together(told: Any) -> None:
    board = UnreadBoard()
    board.touch({1})
    await eventually(lambda: told == [{1}])
    for _ in range(10):
        board.touch({1})
        board.touch({2, 3})
    await eventually(lambda: len(told) == 2)
    assert told == [{1}, {1, 2, 3}]
    await eventually(lambda: board._task is None)
    board.touch({4})
    await eventually(lambda: told[-1] == {4})
    await board.close()


async def test_stored_messages_touch_the_board_from_any_thread(told: Any) -> None:
    hubs.get()
    await database.run(unread_changed, [1, 2, 1])
    await eventually(lambda: told == [{1, 2}])


def test_without_a_loop_it_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[set[int]] = []
    monkeypatch.setattr(module, "tell_unread", told.append)
    unread_changed([1, 1])
    assert told == [{1}]


async def test_a_database_that_is_away_does_not_end_the_telling(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: set[int]) -> None:
        raise ConnectionError

    telling = module.tell_unread
    monkeypatch.setattr(module, "tell_unread", fail)
    board = UnreadBoard()
    board.touch({1})
    await asyncio.sleep(0.1)
    monkeypatch.setattr(module, "tell_unread", telling)
    board.touch({2})
    await eventually(lambda: told)
    assert told[0] == {1, 2}
    await board.close()
