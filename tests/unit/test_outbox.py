import asyncio
import gc
import weakref
from typing import Any

import pytest

from realtime import outbox as module
from realtime.outbox import FAREWELL, GRACE, HIGH_MARK, LIMIT, LOW_MARK, SendOutbox
from realtime.packet import Binary, Packet
from tests.clock import jump_through, jumping


class Client:
    """Takes messages only while `reading` is set."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.slow = asyncio.Event()
        self.stuck = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        self.messages.append(message)

    def take_one(self) -> None:
        """Of what waits."""
        self.reading.set()
        self.reading.clear()

    def outbox(self) -> SendOutbox:
        return SendOutbox(self.send, on_slow=self.slow.set, on_stuck=self.stuck.set)


async def until_idle(outbox: SendOutbox) -> None:
    while outbox._drain:
        await outbox._drain


async def test_packets_go_out_in_order_and_the_close_comes_last() -> None:
    client = Client()
    outbox = client.outbox()
    for number in range(3):
        outbox.write(Packet(b"%d" % number))
    outbox.close(4404)
    outbox.write(Packet(b"never"))
    await until_idle(outbox)
    assert [m.get("text") for m in client.messages] == ["0", "1", "2", None]
    assert client.messages[-1] == {"type": "websocket.close", "code": 4404}


@jumping
async def test_binary_goes_out_as_binary_and_counts_like_text() -> None:
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"text"))
    outbox.write(Binary(b"\xff" * (LIMIT + 1)))
    await asyncio.wait_for(client.slow.wait(), 2)
    client.reading.set()
    await until_idle(outbox)
    assert [m.get("text") or m["bytes"][:1] for m in client.messages] == ["text", b"\xff"]


@jumping
async def test_a_reader_that_stays_slow_is_told_on(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "GRACE", 0.02)
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
    await asyncio.wait_for(client.slow.wait(), 2)


@jumping
async def test_a_reader_that_leaves_too_much_is_not_waited_for() -> None:
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"x" * (LIMIT + 1)))
    await asyncio.wait_for(client.slow.wait(), 2)


@jumping
async def test_a_reader_that_catches_up_in_time_is_left_alone(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "GRACE", 0.02)
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
    client.reading.set()
    await until_idle(outbox)
    judged = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, judged.set_result, None)
    await judged
    assert not client.slow.is_set()


async def test_what_is_dropped_is_not_written_before_the_close() -> None:
    client = Client()
    outbox = client.outbox()
    outbox.write(Packet(b"waits"))
    outbox.give_up()
    outbox.close(4508)
    await until_idle(outbox)
    assert client.messages == [{"type": "websocket.close", "code": 4508}]


async def test_a_server_that_raises_ends_the_outbox_and_nothing_else() -> None:
    async def send(_: dict[str, Any]) -> None:
        raise ConnectionError

    outbox = SendOutbox(send, on_slow=lambda: None, on_stuck=lambda: None)
    outbox.write(Packet(b"1"))
    await until_idle(outbox)
    assert outbox.closed
    outbox.write(Packet(b"2"))


# --- by a clock of the test's own ---


def test_a_slow_reader_has_ten_seconds_from_the_first_sign_and_no_more() -> None:
    async def told_at() -> float:
        client, loop = Client(), asyncio.get_running_loop()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
        await asyncio.sleep(GRACE - 0.5)
        outbox.write(Packet(b"more of it puts nothing off"))
        assert not client.slow.is_set()
        await client.slow.wait()
        outbox.stop()
        return loop.time()

    assert jump_through(told_at()) == pytest.approx(GRACE)


def test_who_leaves_less_than_the_high_mark_is_never_slow() -> None:
    async def scene() -> bool:
        client = Client()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"x" * HIGH_MARK))
        await asyncio.sleep(100 * GRACE)
        outbox.stop()
        return client.slow.is_set()

    assert not jump_through(scene())


def test_who_falls_below_the_low_mark_at_the_last_moment_is_forgiven_and_watched_again() -> None:
    async def told_at() -> float:
        client, loop = Client(), asyncio.get_running_loop()
        outbox = client.outbox()
        for rest in (GRACE - 0.1, 5.0):  # caught up each time, then slow for good
            client.reading.clear()
            outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
            await asyncio.sleep(rest)
            client.reading.set()
            await until_idle(outbox)
            await asyncio.sleep(GRACE)
            assert not client.slow.is_set()
        began = loop.time()
        client.reading.clear()
        outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
        await client.slow.wait()
        outbox.stop()
        return loop.time() - began

    assert jump_through(told_at()) == pytest.approx(GRACE)


def test_between_the_marks_at_the_end_is_slow() -> None:
    async def scene() -> bool:
        client = Client()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"x" * (HIGH_MARK - LOW_MARK)))
        outbox.write(Packet(b"x" * (LOW_MARK + 1)))
        await asyncio.sleep(1)
        client.take_one()
        await asyncio.sleep(GRACE)
        outbox.stop()
        return client.slow.is_set()

    assert jump_through(scene())


def test_more_than_the_limit_is_told_at_once() -> None:
    async def told_at() -> float:
        client = Client()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
        await asyncio.sleep(3)
        outbox.write(Packet(b"x" * LIMIT))
        await client.slow.wait()
        outbox.stop()
        return asyncio.get_running_loop().time()

    assert jump_through(told_at()) == pytest.approx(3)


def test_the_server_may_wait_a_second_for_a_reader_that_was_given_up() -> None:
    async def told_at() -> tuple[float, bool]:
        client, loop = Client(), asyncio.get_running_loop()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"waits"))
        await asyncio.sleep(0)
        began = loop.time()
        outbox.give_up()
        outbox.close(4508)
        await client.stuck.wait()
        return loop.time() - began, outbox.stuck

    assert jump_through(told_at()) == (pytest.approx(FAREWELL), True)


def test_one_that_took_the_close_in_time_is_not_stuck() -> None:
    async def scene() -> bool:
        client = Client()
        client.reading.clear()
        outbox = client.outbox()
        outbox.write(Packet(b"waits"))
        await asyncio.sleep(0)
        outbox.give_up()
        outbox.close(4508)
        client.reading.set()
        await asyncio.sleep(2 * FAREWELL)
        assert client.messages[-1] == {"type": "websocket.close", "code": 4508}
        return client.stuck.is_set() or outbox.stuck

    assert not jump_through(scene())


class Consumer:
    """Has its outbox, which would tell it."""

    def __init__(self) -> None:
        client = Client()
        self.outbox = SendOutbox(
            client.send, on_slow=self.hear, on_stuck=client.stuck.set, log=self.hear
        )

    def hear(self, *_: Any, **__: Any) -> None:
        """Nothing is said here."""


async def test_an_outbox_that_was_stopped_does_not_keep_its_consumer() -> None:
    consumer = Consumer()
    kept = weakref.ref(consumer)
    consumer.outbox.stop()
    gc.disable()
    try:
        del consumer
        assert kept() is None
    finally:
        gc.enable()
