"""What the socket of topics refuses, it refuses with its reason, and lives."""

from typing import Any

import pytest

from realtime import limits
from tests.sockets import Socket
from tests.topics import T, ask, publish, refused, subscribe
from topics import consumers
from topics.store import MemoryTopics

pytestmark = pytest.mark.usefixtures("store")

MALFORMED: list[dict[str, Any]] = [
    {"type": "subscribe"},
    {"type": "subscribe", "topic": ""},
    {"type": "subscribe", "topic": "a b"},
    {"type": "subscribe", "topic": "a\n"},
    {"type": "subscribe", "topic": "é"},
    {"type": "subscribe", "topic": "x" * 101},
    {"type": "subscribe", "topic": 5},
    {"type": "subscribe", "topic": ["a"]},
    {"type": "subscribe", "topic": T, "after": -1},
    {"type": "subscribe", "topic": T, "after": "1"},
    {"type": "subscribe", "topic": T, "after": None},
    {"type": "subscribe", "topic": T, "epoch": 1},
    {"type": "subscribe", "topic": T, "epoch": "9" * 65},
    {"type": "subscribe", "topic": T, "user": "1"},
    {"type": "unsubscribe"},
    {"type": "publish", "topic": T},
    {"type": "publish", "data": 1},
    {"type": "publish", "topic": "a/b", "data": 1},
    {"type": "publish", "topic": T, "data": 1, "from": "me"},
]


async def test_malformed_frames_are_refused_and_the_socket_lives(
    store: MemoryTopics, owner: Socket
) -> None:
    for frame in MALFORMED:
        error = await refused(owner, **frame, ref="r")
        assert (error["code"], error["ref"]) == ("bad_frame", "r"), frame
        named = frame.get("topic")
        allowed = isinstance(named, str) and len(named) <= 100
        assert error.get("topic") == (named if allowed else None), frame
    assert not store._topics
    await subscribe(owner)


async def test_data_that_is_not_strict_is_refused(owner: Socket) -> None:
    for data in ("NaN", '{"a":1,"a":2}', '"\\u0000"', "[" * 8 + "]" * 8, "9" * 20):
        await owner.send_text(f'{{"type":"publish","topic":"{T}","data":{data}}}')
        assert (await owner.until("error"))["code"] == "bad_frame", data


async def test_data_is_at_most_16_kib_of_json(owner: Socket) -> None:
    await publish(owner, "x" * (16 * 1024 - 2))
    error = await refused(owner, type="publish", topic=T, data="é" * 8192, ref="r")
    assert (error["code"], error["topic"], error["ref"]) == ("too_long", T, "r")


async def test_a_socket_follows_so_many_topics_and_no_more(owner: Socket) -> None:
    for number in range(consumers.MAX_SUBSCRIPTIONS):
        await subscribe(owner, f"t{number}")
    for _ in range(limits.STRIKES + 1):  # to ask in vain costs nobody the socket
        error = await refused(owner, type="subscribe", topic="more", ref="r")
        assert (error["code"], error["topic"], error["ref"]) == ("conflict", "more", "r")
    await subscribe(owner, "t0")  # again
    await ask(owner, "unsubscribe", "unsubscribed", topic="t1")
    await subscribe(owner, "more")


async def test_a_frame_of_another_socket_is_unknown_here(owner: Socket) -> None:
    error = await refused(owner, type="message", text="hello", client_id="c")
    assert error["code"] == "unknown_type"
