"""Telling members what is unread: once a second, in one packet, by one of the workers."""

import asyncio
import threading
from typing import Any

import pytest

from chat import unread as module
from chat.unread import UnreadBoard, tell_unread, unread_board, unread_changed
from realtime import database
from realtime.hub import hubs
from realtime.publish import tell_processes
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[set[int]]:
    told: list[set[int]] = []
    monkeypatch.setattr(module, "tell_unread", lambda rooms, **_: told.append(set(rooms)))
    monkeypatch.setattr(module, "INTERVAL", 0.05)
    return told


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


async def test_what_another_worker_has_just_told_waits_and_is_told_then(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = module.tell_unread

    def told_in_time(rooms: set[int], **options: str) -> None:
        tell(rooms, **options)
        monkeypatch.setattr(module, "INTERVAL", 0.05)

    monkeypatch.setattr(module, "tell_unread", told_in_time)
    monkeypatch.setattr(module, "INTERVAL", 3600)  # however long it takes to come to the others
    board = unread_board.get()
    tell_processes(module.TOLD, {"by": "another", "rooms": [1, 2]})
    board.touch({1, 3})
    await eventually(lambda: len(told) == 2)
    assert told == [{3}, {1}]


async def test_while_another_worker_tells_this_one_does_not(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 3600)
    board = unread_board.get()
    tell_processes(module.TOLD, {"by": "another", "rooms": [1]})
    board.touch({1})
    for _ in range(3):
        await database.run(lambda: None)  # whatever it would have begun is done
    assert told == []
    assert board._task is not None


async def test_who_cannot_count_keeps_no_other_worker_from_telling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: set[int]) -> None:
        raise ConnectionError

    heard: list[Any] = []
    monkeypatch.setattr(module, "unread_by_room", fail)
    hubs.get().switchboard.on_notice[module.TOLD] = heard.append
    with pytest.raises(ConnectionError):
        await database.run(tell_unread, {1}, by="one")
    await asyncio.sleep(0)
    assert heard == []


async def test_what_a_worker_told_itself_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[int]] = []
    monkeypatch.setattr(module, "unread_by_room", lambda rooms: asked.append(set(rooms)) or {})
    monkeypatch.setattr(module, "INTERVAL", 0)
    board = unread_board.get()
    board.touch({1})
    await eventually(lambda: asked == [{1}] and board._task is None)
    monkeypatch.setattr(module, "INTERVAL", 3600)
    board.touch({1})
    await eventually(lambda: asked == [{1}, {1}])


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
    failed = threading.Event()

    def fail(_: set[int], **__: str) -> None:
        failed.set()
        raise ConnectionError

    telling = module.tell_unread
    monkeypatch.setattr(module, "tell_unread", fail)
    board = UnreadBoard()
    board.touch({1})
    assert await asyncio.to_thread(failed.wait, 30)
    monkeypatch.setattr(module, "tell_unread", telling)
    board.touch({2})
    await eventually(lambda: told)
    assert told[0] == {1, 2}
    await board.close()


async def test_a_worker_that_ends_tells_what_waits_and_what_another_has_just_told(
    told: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL", 3600)
    board = unread_board.get()
    board.touch({1})
    await eventually(lambda: told == [{1}])
    tell_processes(module.TOLD, {"by": "another", "rooms": [2]})
    board.touch({1, 2})
    await hubs.get().flush()
    assert told == [{1}, {1, 2}]


async def test_a_worker_that_ends_waits_for_what_is_told_just_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telling, go_on, told = threading.Event(), threading.Event(), []

    def tell(rooms: set[int], **_: str) -> None:
        telling.set()
        assert go_on.wait(30)
        told.append(rooms)

    monkeypatch.setattr(module, "tell_unread", tell)
    unread_board.get().touch({1})
    assert await asyncio.to_thread(telling.wait, 30)
    ending = asyncio.create_task(hubs.get().flush())
    await asyncio.sleep(0)
    assert not ending.done()
    go_on.set()
    await ending
    assert told[0] == {1}


async def test_a_worker_that_ends_tells_again_what_just_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    telling, go_on = threading.Event(), threading.Event()
    told: list[set[int]] = []

    def tell(rooms: set[int], **_: str) -> None:
        if not telling.is_set():
            telling.set()
            assert go_on.wait(30)
            raise ConnectionError
        told.append(set(rooms))

    monkeypatch.setattr(module, "tell_unread", tell)
    unread_board.get().touch({1})
    assert await asyncio.to_thread(telling.wait, 30)
    ending = asyncio.create_task(hubs.get().flush())
    await asyncio.sleep(0)
    go_on.set()
    await ending
    assert told == [{1}]


async def test_a_worker_with_nothing_to_tell_asks_nothing_at_its_end(told: Any) -> None:
    board = unread_board.get()
    await hubs.get().flush()
    assert told == []
    await board.close()
    assert hubs.get().on_end == []
