"""Whoever subscribes gets what they missed, or is told that it is lost."""

import asyncio
from typing import Any

import pytest

from realtime.group import JOINING_BUFFER
from tests.cast import Cast
from tests.sockets import Socket
from tests.topics import (
    T,
    ask,
    at_topics,
    heard,
    lose_all,
    offsets,
    publish,
    subscribe,
)
from topics import actions, consumers
from topics.store import MemoryTopics

pytestmark = pytest.mark.usefixtures("store")


async def test_what_was_missed_follows_the_answer_and_then_what_is_live(owner: Socket) -> None:
    epoch = (await subscribe(owner, T))["epoch"]
    await ask(owner, "unsubscribe", "unsubscribed", topic=T)
    for _ in range(3):
        await publish(owner)
    answer = await subscribe(owner, after=1, epoch=epoch)
    assert (answer["offset"], answer["epoch"], answer["recovered"]) == (3, epoch, True)
    await publish(owner)
    assert await heard(owner, 4) == [2, 3, 4]


@pytest.mark.parametrize(
    ("after", "expected"), [(None, []), (0, [1, 2, 3]), (2, [3]), (3, [])], ids=str
)
async def test_from_where_one_is_told(
    owner: Socket, after: int | None, expected: list[int]
) -> None:
    for _ in range(3):
        await publish(owner)
    answer = await subscribe(owner, **({} if after is None else {"after": after}))
    assert answer["offset"] == 3
    assert answer.get("recovered") is (None if after is None else True)
    await owner.quiet()
    assert offsets(owner) == expected


async def test_a_changed_epoch_says_that_publications_were_lost(
    store: MemoryTopics, owner: Socket
) -> None:
    await publish(owner)
    before = await subscribe(owner, after=1)
    lose_all(store)
    await publish(owner)
    after = await subscribe(owner, after=1, epoch=before["epoch"])
    assert after["epoch"] != before["epoch"]
    assert (after["offset"], after["recovered"]) == (1, False)
    assert await heard(owner, 1) == [1], "what is left is told"


@pytest.mark.parametrize("epoch", ["", "x", "-1", "١٢", "9" * 64, "0"])
async def test_an_epoch_that_never_was_is_a_changed_one(owner: Socket, epoch: str) -> None:
    await publish(owner)
    answer = await subscribe(owner, after=1, epoch=epoch)
    assert answer["recovered"] is False
    assert await heard(owner, 1) == [1]


async def test_of_more_than_is_kept_the_last_are_told(owner: Socket) -> None:
    for _ in range(105):
        await publish(owner)
    answer = await subscribe(owner, after=4)
    assert (answer["offset"], answer["recovered"]) == (105, False)
    assert await heard(owner, 105) == list(range(6, 106))
    assert (await subscribe(owner, after=5))["recovered"] is True


async def test_an_after_beyond_the_head_is_lost(owner: Socket) -> None:
    await publish(owner)
    assert (await subscribe(owner, after=2))["recovered"] is False


async def test_subscribing_again_begins_again(owner: Socket) -> None:
    await subscribe(owner)
    await publish(owner)
    await subscribe(owner, after=0)
    await publish(owner)
    assert await heard(owner, 2) == [1, 1, 2], "once each time"


async def test_those_who_come_while_publications_do_miss_nothing(cast: Cast) -> None:
    async def watch() -> list[int]:
        async with at_topics(cast.member) as socket:
            await subscribe(socket, after=0)
            return await heard(socket, 40)

    async def talk() -> None:
        async with at_topics(cast.owner) as socket:
            for _ in range(40):
                await publish(socket)

    async with asyncio.TaskGroup() as group:
        watchers = [group.create_task(watch()) for _ in range(3)]
        group.create_task(talk())
    assert [watcher.result() for watcher in watchers] == [list(range(1, 41))] * 3


async def test_much_that_was_missed_is_told_as_fast_as_it_is_read(owner: Socket) -> None:
    for _ in range(30):
        await publish(owner, "x" * 16_000)
    await subscribe(owner, after=0)
    assert await heard(owner, 30) == list(range(1, 31))


async def test_who_was_overrun_while_joining_begins_again_from_there(
    store: MemoryTopics, owner: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.group.JOINING_BUFFER", 2)
    assert JOINING_BUFFER > 2
    send_missed = consumers.send_missed
    runs = []

    async def overrun(socket: Any, entries: Any) -> None:
        await send_missed(socket, entries)
        runs.append(len(entries))
        if len(runs) == 1:
            for _ in range(5):
                await asyncio.to_thread(actions.publish, topic=T, data=1, by=socket.you)
            await asyncio.sleep(0)

    monkeypatch.setattr(consumers, "send_missed", overrun)
    await publish(owner)
    await owner.send(type="subscribe", topic=T, after=0)
    assert await heard(owner, 6) == [1, 2, 3, 4, 5, 6]
    assert runs == [1, 5]
    again = [frame for frame in owner.frames if frame["type"] == "subscribed"]
    assert [(frame["offset"], frame["recovered"]) for frame in again] == [(1, True), (6, True)]
