import asyncio
from typing import Any

from realtime import outbox as module
from realtime.outbox import HIGH_MARK, LIMIT, SendOutbox
from realtime.packet import Packet


class Client:
    """Takes messages only while `reading` is set."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.slow = asyncio.Event()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        self.messages.append(message)

    def outbox(self) -> SendOutbox:
        return SendOutbox(self.send, on_slow=self.slow.set)


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


async def test_a_reader_that_stays_slow_is_told_on(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "GRACE", 0.02)
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"x" * (HIGH_MARK + 1)))
    await asyncio.wait_for(client.slow.wait(), 2)


async def test_a_reader_that_leaves_too_much_is_not_waited_for() -> None:
    client = Client()
    client.reading.clear()
    outbox = client.outbox()
    outbox.write(Packet(b"x" * (LIMIT + 1)))
    await asyncio.wait_for(client.slow.wait(), 2)


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
    outbox.drop()
    outbox.close(4508)
    await until_idle(outbox)
    assert client.messages == [{"type": "websocket.close", "code": 4508}]


async def test_a_server_that_raises_ends_the_outbox_and_nothing_else() -> None:
    async def send(_: dict[str, Any]) -> None:
        raise ConnectionError

    outbox = SendOutbox(send, on_slow=lambda: None)
    outbox.write(Packet(b"1"))
    await until_idle(outbox)
    assert outbox.closed
    outbox.write(Packet(b"2"))
