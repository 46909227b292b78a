"""Publishing from wherever: the event loop, a thread, a process without sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.db import transaction

from realtime import database
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import Refused
from realtime.frames import Resync
from realtime.hub import Hub, hubs
from realtime.outbox import Frames
from realtime.publish import (
    end_socket,
    end_sockets,
    publish,
    publish_on_commit,
    tell,
    tell_connection,
)

pytestmark = pytest.mark.django_db(transaction=True)

FRAME = Resync(seq=1)
HEARD = {"type": "resync", "seq": 1}


class Client:
    connection_id = "c"
    person_id = "p"

    def __init__(self) -> None:
        self.frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def deliver(self, frames: Frames) -> None:
        for text in frames.texts:
            self.frames.put_nowait(msgspec.json.decode(text))

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.frames.get(), 30)


class Layer:
    """Takes messages, or fails, or never answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.fault: Callable[[], Awaitable[None]] | None = None

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if self.fault:
            await self.fault()
        self.sent.append((group, message))


@pytest.fixture
async def layer() -> AsyncIterator[Layer]:
    layer = Layer()
    before = channel_layers.set("default", layer)
    yield layer
    channel_layers.set("default", before)


@asynccontextmanager
async def following(group: str) -> AsyncIterator[Client]:
    hub: Hub = hubs.get()
    client = Client()
    hub.join(group, client).go_live(client, after=0)
    yield client
    hub.leave(group, client)


async def test_a_frame_published_on_the_loop_reaches_the_group() -> None:
    async with following("g.1") as client, following("g.2") as elsewhere:
        publish("g.1", FRAME)
        assert await client.next() == HEARD
        assert elsewhere.frames.empty()


@pytest.mark.parametrize("thread", [database.run, lambda work: sync_to_async(work)()])
async def test_a_frame_published_on_a_thread_reaches_the_group(thread: Any) -> None:
    async with following("g.1") as client:
        await thread(lambda: publish("g.1", FRAME))
        assert await client.next() == HEARD


async def test_what_is_encoded_already_is_sent_as_it_is() -> None:
    async with following("g.1") as client:
        publish("g.1", b'{"type":"x"}')
        assert await client.next() == {"type": "x"}


@pytest.mark.parametrize("skip", ["c", "p"])
async def test_a_frame_skips_a_connection_or_a_person(skip: str) -> None:
    async with following("g.1") as client:
        publish("g.1", FRAME, skip=skip)
        publish("g.1", Resync(seq=2))
        assert (await client.next())["seq"] == 2


async def test_a_frame_of_a_log_beside_the_database_is_published_at_once_in_order() -> None:
    async with following("g.1") as client:
        group = hubs.get().group("g.1")
        assert group
        group.start_at(0)
        for seq in (2, 1, 1, 3):
            publish("g.1", Resync(seq=seq), seq=seq)
        assert [(await client.next())["seq"] for _ in range(3)] == [1, 2, 3]


async def test_a_notice_reaches_the_consumers_of_its_people() -> None:
    class Listener:
        person_id = "7"
        connection_id = "c"

        def __init__(self) -> None:
            self.heard: asyncio.Queue[Any] = asyncio.Queue()

        def hear(self, notice: str, details: Any) -> None:
            self.heard.put_nowait((notice, details))

    listener = Listener()
    hubs.get().switchboard.attach(listener)
    await database.run(tell, "renamed", {"7": {"name": "A"}, "8": None})
    assert await asyncio.wait_for(listener.heard.get(), 30) == ("renamed", {"name": "A"})
    await database.run(tell_connection, "found", "c", 1)
    assert await asyncio.wait_for(listener.heard.get(), 30) == ("found", 1)
    refusal = Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "Out.")
    ending = ("end", {"close_code": 4403, "code": "forbidden", "message": "Out.", "ground": ""})
    for end in (lambda: end_sockets("7", refusal), lambda: end_socket("c", refusal)):
        await database.run(end)
        assert await asyncio.wait_for(listener.heard.get(), 30) == ending


# --- transactions ---


async def test_a_frame_of_the_log_is_published_when_it_is_committed_and_not_before() -> None:
    def work() -> None:
        with transaction.atomic():
            publish_on_commit("g.1", FRAME, seq=1)
            publish("g.1", Resync(seq=99))  # transient: at once

    async with following("g.1") as client:
        hubs.get().group("g.1").start_at(0)  # type: ignore[union-attr]
        await database.run(work)
        assert [(await client.next())["seq"] for _ in range(2)] == [99, 1]


async def test_what_is_rolled_back_is_not_published() -> None:
    def work() -> None:
        with transaction.atomic():
            publish_on_commit("g.1", FRAME, seq=1)
            transaction.set_rollback(True)

    async with following("g.1") as client:
        hubs.get().group("g.1").start_at(0)  # type: ignore[union-attr]
        await database.run(work)
        publish("g.1", Resync(seq=99))
        assert (await client.next())["seq"] == 99


# --- without a hub ---


def test_a_command_publishes_through_the_layer(layer: Layer) -> None:
    publish("g.1", FRAME, skip="p")
    ((group, message),) = layer.sent
    assert group == "g.1"
    ((payload, seq, skip),) = message["packets"]
    assert msgspec.json.decode(payload) == HEARD
    assert (message["type"], seq, skip) == ("hub.packets", None, "p")


@pytest.mark.parametrize("fault", ["refuses", "never answers"])
def test_a_layer_that_fails_leaves_the_command_as_it_was(
    layer: Layer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    async def refuse() -> None:
        if fault == "refuses":
            raise ConnectionError
        await asyncio.Event().wait()

    monkeypatch.setattr("realtime.link.SEND_TIMEOUT", 0.05)
    layer.fault = refuse
    with transaction.atomic():
        publish_on_commit("g.1", FRAME, seq=1)
    publish("g.1", FRAME)
    assert layer.sent == []


def test_a_rolled_back_command_publishes_nothing(layer: Layer) -> None:
    with transaction.atomic():
        publish_on_commit("g.1", FRAME, seq=1)
        transaction.set_rollback(True)
    assert layer.sent == []


async def test_an_async_view_of_a_process_without_sockets_publishes_too(layer: Layer) -> None:
    publish("g.1", FRAME)
    async with asyncio.timeout(30):
        while not layer.sent:  # noqa: ASYNC110 - sent by a task of the engine's own
            await asyncio.sleep(0.01)
