"""The hub's link to the layer: what it carries, and what it does when the layer fails.

By a clock of the tests' own.
"""

import asyncio
from typing import Any

import pytest
from channels_redis.pubsub import RedisPubSubChannelLayer

from realtime import link as module
from realtime import metrics, send_queue
from realtime.layers import MemoryLayer, shard_of
from realtime.link import BEAT, PACKETS
from realtime.packet import Packet
from realtime.switchboard import PEOPLE
from tests.clock import jumping
from tests.links import Layer, linked, published
from tests.waiting import eventually


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_INTERVAL", 0.02)
    monkeypatch.setattr(module, "BEAT_TOLERANCE", 0.1)
    monkeypatch.setattr(module, "RETRY_DELAY", 0.02)
    monkeypatch.setattr(module, "SEND_TIMEOUT", 0.1)


@jumping
async def test_ones_own_packets_are_not_heard_again() -> None:
    layer = Layer()
    async with linked(layer) as (_, owner):
        for origin in ("here", "there"):
            layer.queue.put_nowait(published("g", Packet(b"1", seq=3), origin=origin))
        await eventually(lambda: owner.packets)
        ((group, packet),) = owner.packets
        assert (group, packet.payload, packet.seq) == ("g", b"1", 3)


@jumping
async def test_a_group_is_subscribed_and_left_in_that_order() -> None:
    layer = Layer()
    async with linked(layer) as (link, owner):
        link.subscribe("g")
        await eventually(lambda: owner.subscribed == ["g"])
        link.unsubscribe("g")
        await eventually(lambda: layer.made("discard") == ["g"])
        assert owner.subscribed == ["g"]


@jumping
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


@jumping
async def test_a_subscription_that_fails_is_tried_again() -> None:
    layer = Layer()
    layer.down = True
    async with linked(layer) as (link, owner):
        link.subscribe("g")
        await eventually(lambda: layer.failed.count("add") >= 2)
        assert owner.subscribed == []
        layer.down = False
        await eventually(lambda: owner.subscribed == ["g"])


@jumping
async def test_packets_that_cannot_be_sent_give_way_to_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send_queue, "LIMIT", 5)
    layer = Layer()
    layer.moving.clear()
    async with linked(layer) as (link, _):
        for number in range(50):
            link.send(f"g{number}", Packet(b"1"))
        layer.moving.set()
        await eventually(lambda: layer.made("group_send"))
        await eventually(lambda: layer.made("group_send")[-1] == "g49")
        assert len(layer.made("group_send")) <= 6


@jumping
async def test_packets_that_cannot_be_sent_are_bounded_in_bytes_too_and_counted_as_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(send_queue, "LIMIT_BYTES", 1000)
    layer = Layer()
    layer.moving.clear()
    async with linked(layer) as (link, _):
        failures = metrics.publish_failures._value.get()
        for _ in range(50):
            link.send("g", Packet(b"x" * 300))
        assert link.queued == 3
        assert metrics.publish_failures._value.get() - failures == 47
        layer.moving.set()
        await eventually(lambda: not link.queued)
        link.send("g", Packet(b"x" * 900))
        assert link.queued == 1


@jumping
async def test_after_a_failure_the_others_that_wait_are_sent() -> None:
    layer = Layer()
    layer.down = True
    async with linked(layer) as (link, _):
        failures = metrics.publish_failures._value.get()
        for number in range(3):
            link.send(f"g{number}", Packet(b"1"))
        await eventually(lambda: metrics.publish_failures._value.get() > failures)
        layer.down = False
        await eventually(lambda: layer.made("group_send")[-1:] == ["g2"])


@jumping
async def test_what_is_in_no_log_and_must_arrive_is_sent_until_it_is() -> None:
    layer = Layer()
    async with linked(layer) as (link, _):
        layer.down = True
        failures = metrics.publish_failures._value.get()
        link.send(PEOPLE, Packet(b"an ending"))
        link.send("room.1", Packet(b"1"))
        await eventually(lambda: layer.failed.count("group_send") >= 3)
        assert metrics.publish_failures._value.get() == failures
        layer.down = False
        await eventually(lambda: layer.made("group_send") == [PEOPLE, "room.1"])


@jumping
async def test_what_comes_for_a_group_while_the_layer_is_asked_goes_in_one_message() -> None:
    layer = Layer()
    layer.moving.clear()
    async with linked(layer) as (link, _):
        link.send("g", Packet(b"1"))
        await asyncio.sleep(0)
        for number in (b"2", b"3", b"4"):
            link.send("g", Packet(number))
            link.send("h", Packet(number))
        layer.moving.set()
        await eventually(lambda: layer.sent == [[b"1"], [b"2", b"3", b"4"], [b"2", b"3", b"4"]])
        assert layer.made("group_send") == ["g", "g", "h"]


@jumping
async def test_each_packet_of_a_message_is_heard_in_its_order() -> None:
    layer = Layer()
    async with linked(layer) as (_, owner):
        packets = [Packet(b"1", seq=1), Packet(b"2", seq=2), Packet(b"3", skip="p")]
        layer.queue.put_nowait(published("g", *packets, origin="there"))
        await eventually(lambda: len(owner.packets) == 3)
    heard = [(group, packet.to_layer()) for group, packet in owner.packets]
    assert heard == [("g", packet.to_layer()) for packet in packets]


@jumping
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


@jumping
async def test_a_beat_that_was_lost_means_that_other_words_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BEAT_TOLERANCE", 60)
    monkeypatch.setattr(module, "BEAT_LATE", 0.1)
    layer = Layer()
    async with linked(layer) as (link, owner):
        assert not link.unheard
        layer.moving.clear()
        await eventually(lambda: link.unheard)
        assert owner.changes == 0
        layer.moving.set()
        await eventually(lambda: not link.unheard)
        assert link.up
        assert owner.changes == 1


@jumping
async def test_receiving_is_never_cancelled_before_the_end() -> None:
    layer = Layer()
    async with linked(layer) as (link, _):
        layer.down = True
        await eventually(lambda: not link.up)
        layer.down = False
        await eventually(lambda: link.up)
        assert layer.cancelled_receives == 0
    assert layer.cancelled_receives == 1


@pytest.mark.parametrize(
    "message",
    [
        {},
        {
            "type": "hub.packet",
            "origin": "there",
            "group": "g",
            "payload": b"1",
        },  # an old version's
        {"type": PACKETS},
        {"type": PACKETS, "origin": "there", "group": "g", "packets": [[b"1"]]},
        {"type": PACKETS, "origin": "there", "group": "g", "packets": [None]},
        {"type": BEAT, "shard": 7},
    ],
)
@jumping
async def test_a_message_that_is_none_holds_up_nothing(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_DELAY", 60)
    layer = Layer()
    async with linked(layer) as (_, owner):
        layer.queue.put_nowait(message)
        layer.queue.put_nowait(published("g", Packet(b"1"), origin="there"))
        await eventually(lambda: owner.packets)
        assert len(owner.packets) == 1


@pytest.mark.parametrize("layer", [None, MemoryLayer()])
@jumping
async def test_a_layer_within_the_process_has_nobody_to_tell(layer: Any) -> None:
    async with linked(layer) as (link, _):
        link.subscribe("g")
        link.send("g", Packet(b"1"))
        assert link.up
        assert link.unheard  # a command's word has no way here
        assert link._tasks == []
        assert not link.queued


class TwoServers(RedisPubSubChannelLayer):
    """The real layer's division of groups, over queues. What is in `lost` is not answered."""

    def __init__(self) -> None:
        super().__init__(hosts=["redis://one", "redis://two"])
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.joined: set[str] = set()
        self.sent: list[str] = []
        self.lost: set[int] = set()

    async def new_channel(self) -> str:
        return "channel"

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self.queue.get()

    async def group_add(self, group: str, channel: str) -> None:
        await self._reach(group)
        self.joined.add(group)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._reach(group)
        self.sent.append(group)
        if group in self.joined:
            self.queue.put_nowait(message)

    async def _reach(self, group: str) -> None:
        if shard_of(self, group) in self.lost:
            await asyncio.Event().wait()

    def group_on(self, shard: int) -> str:
        return next(f"g{n}" for n in range(100) if shard_of(self, f"g{n}") == shard)


@pytest.mark.parametrize("lost", [0, 1])
@jumping
async def test_one_server_that_is_lost_is_heard_of_whichever_it_is(lost: int) -> None:
    layer = TwoServers()
    async with linked(layer) as (link, owner):
        await eventually(lambda: len(layer.joined) == 2)
        assert {shard_of(layer, group) for group in layer.joined} == {0, 1}
        assert link.up
        layer.lost = {lost}
        await eventually(lambda: not link.up)
        assert owner.changes == 1
        layer.lost = set()
        await eventually(lambda: link.up)
        assert owner.changes == 2


@pytest.mark.parametrize("lost", [0, 1])
@jumping
async def test_what_other_servers_carry_does_not_wait_for_the_one_that_is_lost(lost: int) -> None:
    layer = TwoServers()
    layer.lost = {lost}
    there, here = layer.group_on(lost), layer.group_on(1 - lost)
    async with linked(layer) as (link, owner):
        for group in (there, here):
            link.subscribe(group)
            link.send(group, Packet(b"1"))
        await eventually(lambda: owner.subscribed == [here])
        await eventually(lambda: here in layer.sent)
        assert there not in layer.sent
        layer.lost = set()
        link.send(there, Packet(b"2"))
        await eventually(lambda: there in layer.sent)


async def test_a_flush_ends_when_all_has_gone_out() -> None:
    layer = Layer()
    async with linked(layer) as (link, _):
        await link.flush()  # nothing to do
        layer.moving.clear()
        link.send("g", Packet(b"1", seq=1))
        flushing = asyncio.create_task(link.flush())
        await eventually(lambda: not link.queued)  # on its way
        assert not flushing.done()
        link.send("h", Packet(b"2", seq=1))
        layer.moving.set()
        await flushing
        assert layer.sent == [[b"1"], [b"2"]]
