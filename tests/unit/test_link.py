"""The hub's link to the layer: what it carries, and what it does when the layer fails."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from realtime import link as module
from realtime.layers import MemoryLayer
from realtime.link import LayerLink
from realtime.packet import Packet


class Layer:
    """Calls are kept in order. While `stuck`, they wait; while `down`, they fail."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.calls: list[tuple[str, str]] = []
        self.cancelled_receives = 0
        self.down = False
        self.moving = asyncio.Event()
        self.moving.set()

    async def new_channel(self) -> str:
        return "channel"

    async def receive(self, channel: str) -> dict[str, Any]:
        try:
            return await self.queue.get()
        except asyncio.CancelledError:
            self.cancelled_receives += 1
            raise

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._call("send", channel)
        self.queue.put_nowait(message)

    async def group_add(self, group: str, channel: str) -> None:
        await self._call("add", group)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._call("discard", group)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._call("group_send", group)

    async def _call(self, name: str, target: str) -> None:
        await self.moving.wait()
        if self.down:
            raise ConnectionError("down")
        self.calls.append((name, target))

    def made(self, name: str) -> list[str]:
        return [target for call, target in self.calls if call == name]


class Owner:
    def __init__(self) -> None:
        self.packets: list[tuple[str, Packet]] = []
        self.subscribed: list[str] = []
        self.changes = 0

    def changed(self) -> None:
        self.changes += 1


@asynccontextmanager
async def linked(layer: Any) -> AsyncIterator[tuple[LayerLink, Owner]]:
    owner = Owner()
    link = LayerLink(
        layer,
        origin="here",
        on_packet=lambda group, packet: owner.packets.append((group, packet)),
        on_subscribed=owner.subscribed.append,
        on_changed=owner.changed,
    )
    try:
        yield link, owner
    finally:
        await link.close()


async def eventually(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_INTERVAL", 0.02)
    monkeypatch.setattr(module, "BEAT_TOLERANCE", 0.1)
    monkeypatch.setattr(module, "RETRY_DELAY", 0.02)
    monkeypatch.setattr(module, "SEND_TIMEOUT", 0.1)


async def test_ones_own_packets_are_not_heard_again() -> None:
    layer = Layer()
    async with linked(layer) as (_, owner):
        for origin in ("here", "there"):
            layer.queue.put_nowait(Packet(b"1", seq=3).to_layer(group="g", origin=origin))
        await eventually(lambda: owner.packets)
        ((group, packet),) = owner.packets
        assert (group, packet.payload, packet.seq) == ("g", b"1", 3)


async def test_a_group_is_subscribed_and_left_in_that_order() -> None:
    layer = Layer()
    async with linked(layer) as (link, owner):
        link.subscribe("g")
        await eventually(lambda: owner.subscribed == ["g"])
        link.unsubscribe("g")
        await eventually(lambda: layer.made("discard") == ["g"])
        assert owner.subscribed == ["g"]


async def test_the_last_word_on_a_group_counts_however_slow_the_layer() -> None:
    layer = Layer()
    async with linked(layer) as (link, _):
        layer.moving.clear()
        link.subscribe("g")
        await asyncio.sleep(0)
        link.unsubscribe("g")
        link.subscribe("g")
        link.unsubscribe("g")
        layer.moving.set()
        await eventually(lambda: layer.made("discard"))
        assert [call for call, target in layer.calls if target == "g"][-1] == "discard"


async def test_a_subscription_that_fails_is_tried_again() -> None:
    layer = Layer()
    layer.down = True
    async with linked(layer) as (link, owner):
        link.subscribe("g")
        await asyncio.sleep(0.03)
        assert owner.subscribed == []
        layer.down = False
        await eventually(lambda: owner.subscribed == ["g"])


async def test_packets_that_cannot_be_sent_give_way_to_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SEND_QUEUE", 5)
    layer = Layer()
    layer.moving.clear()
    async with linked(layer) as (link, _):
        for number in range(50):
            link.send(f"g{number}", Packet(b"1"))
        layer.moving.set()
        await eventually(lambda: layer.made("group_send"))
        await eventually(lambda: layer.made("group_send")[-1] == "g49")
        assert len(layer.made("group_send")) <= 6


async def test_a_silent_layer_is_away_and_a_beat_brings_it_back() -> None:
    layer = Layer()
    async with linked(layer) as (link, owner):
        assert link.up
        layer.moving.clear()
        await eventually(lambda: not link.up)
        assert owner.changes == 1
        layer.moving.set()
        await eventually(lambda: link.up)
        assert owner.changes == 2


async def test_receiving_is_never_cancelled_before_the_end() -> None:
    layer = Layer()
    async with linked(layer) as (link, _):
        layer.down = True
        await eventually(lambda: not link.up)
        layer.down = False
        await eventually(lambda: link.up)
        assert layer.cancelled_receives == 0
    assert layer.cancelled_receives == 1


async def test_a_message_that_is_none_ends_nothing() -> None:
    layer = Layer()
    async with linked(layer) as (_, owner):
        layer.queue.put_nowait({"type": "stranger"})
        layer.queue.put_nowait(Packet(b"1").to_layer(group="g", origin="there"))
        await eventually(lambda: owner.packets)


@pytest.mark.parametrize("layer", [None, MemoryLayer()])
async def test_a_layer_within_the_process_has_nobody_to_tell(layer: Any) -> None:
    async with linked(layer) as (link, _):
        link.subscribe("g")
        link.send("g", Packet(b"1"))
        assert link._tasks == []
        assert not link._outgoing
        assert not link._wanted
