"""What the engine counts: frames and bytes both ways, and what waits."""

import asyncio
from types import SimpleNamespace
from typing import Any

from prometheus_client import REGISTRY

from chat.post_queue import post_queues
from realtime import testing
from realtime.echo import EchoConsumer
from realtime.following import send_missed
from realtime.hub import hubs
from realtime.packet import Packet
from realtime.server.protocol import InboundQueue
from realtime.server.server import Server
from tests.consumers import Consumer, connected, consumer, welcomed
from tests.waiting import eventually


def value(name: str) -> float:
    found = REGISTRY.get_sample_value(f"realtime_{name}")
    assert found is not None
    return found


class Counted:
    """By how much each has grown since."""

    def __init__(self, *names: str) -> None:
        self._before = {name: value(name) for name in names}

    @property
    def grown(self) -> list[float]:
        return [value(name) - before for name, before in self._before.items()]


OUT = ("frames_out_total", "bytes_out_total")
IN = ("frames_in_total", "bytes_in_total")


async def raw(socket: Any) -> str:
    """The next frame as it came."""
    return str((await socket._communicator.receive_output(timeout=testing.TIMEOUT))["text"])


async def test_answers_count_with_their_bytes() -> None:
    async with welcomed(consumer()) as socket:
        counted = Counted(*OUT)
        await socket.send(type="ping", ref="é")
        answer = await raw(socket)
        assert counted.grown == [1, len(answer.encode())]


async def test_the_echo_counts_text_and_binary() -> None:
    async with connected(EchoConsumer) as socket:
        await raw(socket)  # welcome
        counted = Counted(*OUT)
        await socket.send_bytes(b"\xff" * 10)
        await socket._communicator.receive_output(timeout=testing.TIMEOUT)
        assert counted.grown == [1, 10]


async def test_what_comes_in_is_counted_in_bytes_and_not_in_characters() -> None:
    async with welcomed(consumer()) as socket:
        counted = Counted(*IN)
        text = '{"type":"ping","ref":"ééé"}'
        await socket.send_text(text)
        await socket.until("pong")
        assert counted.grown == [1, len(text.encode())] == [1, len(text) + 3]


async def test_what_is_sent_again_from_the_log_counts() -> None:
    got: list[Any] = []
    counted = Counted(*OUT)
    socket: Any = SimpleNamespace(deliver=got.append)
    await send_missed(socket, [(1, b"one"), (2, b"three")])
    assert len(got) == 2
    assert counted.grown == [2, 8]


class Member:
    connection_id = person_id = ""

    def deliver(self, frames: Any) -> None:
        pass


async def test_what_a_joiner_makes_the_group_write_counts_as_any_flush() -> None:
    hub = hubs.get()
    first, second = Member(), Member()
    second.connection_id = "second"
    hub.join("counted.1", first).go_live(first, after=0)
    group = hub.join("counted.1", second)
    counted = Counted("packets_total", "writes_total", "flush_seconds_count", *OUT)

    hub.publish("counted.1", Packet(b"1234"))
    group.go_live(second, after=0)

    assert counted.grown == [1, 1, 1, 1, 4]
    await asyncio.sleep(0)  # the turn that the flush was meant for
    assert counted.grown[:3] == [1, 1, 1]


async def test_what_waits_for_clients_is_shown() -> None:
    stuck = asyncio.Event()

    async def entering(socket: Consumer) -> None:
        async def never(_message: dict[str, Any]) -> None:
            await stuck.wait()

        socket.outbox._send = never  # type: ignore[attr-defined]
        socket.outbox.write(Packet(b"x" * 1000))

    before = value("outbox_bytes")
    async with connected(consumer(entering=entering)) as socket:
        await eventually(lambda: value("outbox_bytes") >= before + 1000)
        stuck.set()
        await eventually(lambda: value("outbox_bytes") == before)
        assert socket


class Protocol:
    def __init__(self, queue: Any) -> None:
        self.application_queue = queue


def test_what_consumers_have_not_taken_is_shown() -> None:
    server = Server(None, endpoints=["unused"])
    for count in (2, 3):
        queue = InboundQueue(transport=None)
        for _ in range(count):
            queue.put_nowait({})
        server.connections[Protocol(queue)] = {}
    for other in (object(), Protocol(asyncio.Queue())):
        server.connections[other] = {}  # HTTP, before and within a request

    assert value("inbound_queue") == 5


async def test_posts_that_wait_for_a_transaction_are_shown() -> None:
    queue = post_queues.get()
    waiting: Any = SimpleNamespace(post=None, on_stored=None, on_failed=None, since=0.0)
    queue._waiting.extend([waiting] * 3)
    try:
        assert value("post_queue") == 3
    finally:
        queue._waiting.clear()
