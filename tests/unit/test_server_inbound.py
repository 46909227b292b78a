"""The server's short ways: what a consumer has not taken yet, and frames that need no parser."""

import asyncio
from typing import Any

import pytest

from realtime.server.protocol import INBOUND_LIMIT, InboundQueue, unmask


class Transport:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.calls.append("pause")

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.calls.append("resume")


@pytest.fixture
def transport() -> Transport:
    return Transport()


def frames(count: int) -> list[dict[str, Any]]:
    return [{"type": "websocket.receive", "text": str(number)} for number in range(count)]


async def test_what_is_put_comes_in_order(transport: Transport) -> None:
    queue = InboundQueue(transport)
    for frame in frames(5):
        queue.put_nowait(frame)
    assert [await queue.get() for _ in range(5)] == frames(5)


async def test_whoever_waits_gets_what_comes(transport: Transport) -> None:
    queue = InboundQueue(transport)
    first, second = frames(2)
    for frame in (first, second):
        waiting = asyncio.create_task(queue.get())
        await asyncio.sleep(0)
        queue.put_nowait(frame)
        assert await waiting == frame


async def test_a_reader_that_gave_up_loses_nothing(transport: Transport) -> None:
    queue = InboundQueue(transport)
    (frame,) = frames(1)
    gone = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    gone.cancel()
    queue.put_nowait(frame)
    assert await queue.get() == frame


async def test_the_transport_is_paused_at_64_and_resumed_once_at_the_half(
    transport: Transport,
) -> None:
    queue = InboundQueue(transport)
    for frame in frames(INBOUND_LIMIT - 1):
        queue.put_nowait(frame)
    assert transport.calls == []
    for frame in frames(10):  # of one read, which is not undone
        queue.put_nowait(frame)
    assert transport.calls == ["pause"]
    for _ in range(INBOUND_LIMIT // 2 + 8):
        await queue.get()
    assert transport.calls == ["pause"]
    for _ in range(10):
        await queue.get()
    assert transport.calls == ["pause", "resume"]


@pytest.mark.parametrize("text", ["", "a", "hello", "日本語" * 50, "x" * 70000])
def test_a_masked_payload_is_read(text: str) -> None:
    payload, mask = text.encode(), b"\x01\x82\xf3\x04"
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    assert unmask(masked, mask).decode() == text
