"""The hub's link to the channel layer: one channel, a receiver, and a lane to each server of it.

Nothing that a person waits for waits for it: each call is made by a task of its own, and what the
layer loses or delays is read from the log. A lane has its own sender, subscriber and beat, so that
the loss of one server is heard, and holds up none of what the others carry.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import structlog

from realtime import metrics
from realtime.conf import conf
from realtime.layers import MemoryLayer, shard_of, shards
from realtime.packet import Packet
from realtime.send_queue import SendQueue
from realtime.switchboard import PEOPLE
from realtime.tasks import end

logger = structlog.get_logger(__name__)

BEAT_INTERVAL = conf.BEAT_INTERVAL
BEAT_TOLERANCE = conf.BEAT_TOLERANCE  # no beat for so long: the layer is away
BEAT_LATE = conf.BEAT_LATE  # one was lost: others may have been
SEND_TIMEOUT = conf.SEND_TIMEOUT
RETRY_DELAY = conf.LAYER_RETRY_DELAY
BEAT, PACKETS = "hub.beat", "hub.packets"  # the types of messages


class LayerLink:
    def __init__(
        self,
        layer: Any,
        *,
        origin: str,
        on_packet: Callable[[str, Packet], None],
        on_subscribed: Callable[[str], None],
        on_changed: Callable[[], None],
    ) -> None:
        """`on_changed` is called when a server is found to be away, and when it is heard again."""
        self._layer = layer
        self._origin = origin
        self._on_packet = on_packet
        self._channel: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # A layer within this process has nobody else to tell.
        self._local = layer is None or isinstance(layer, MemoryLayer)
        self._lanes = [
            Lane(
                layer,
                shard,
                origin=origin,
                channel=self._channel,
                on_subscribed=on_subscribed,
                on_changed=on_changed,
            )
            for shard in range(0 if self._local else shards(layer))
        ]
        work = [step for lane in self._lanes for step in (lane.subscribe, lane.send, lane.beat)]
        if not self._local:
            work.append(self._receive)
        self._tasks = [asyncio.create_task(_keep(step)) for step in work]

    def subscribe(self, group: str) -> None:
        if not self._local:
            self._lane(group).want(group, subscribed=True)

    def unsubscribe(self, group: str) -> None:
        if not self._local:
            self._lane(group).want(group, subscribed=False)

    def send(self, group: str, packet: Packet) -> None:
        if not self._local:
            self._lane(group).put(group, packet)

    @property
    def queued(self) -> int:
        return sum(len(lane.outgoing) for lane in self._lanes)

    @property
    def up(self) -> bool:
        """Whether every server is heard from."""
        return all(lane.up for lane in self._lanes)

    @property
    def unheard(self) -> bool:
        """Whether what other processes say may not arrive: a beat is late, or there is no layer."""
        return self._local or self.late

    @property
    def late(self) -> bool:
        """Whether a beat is."""
        return any(lane.late for lane in self._lanes)

    @property
    def late_at(self) -> float:
        """When the next beat is late, on the loop's clock."""
        return min((lane.late_at for lane in self._lanes), default=math.inf)

    async def flush(self) -> None:
        """Until all that was sent has gone out, or was given up."""
        for lane in self._lanes:
            await lane.idle.wait()

    async def close(self) -> None:
        await end(*self._tasks)

    def _lane(self, group: str) -> "Lane":
        return self._lanes[shard_of(self._layer, group)]

    async def _receive(self) -> None:
        if not self._channel.done():
            self._channel.set_result(await self._layer.new_channel())
        while True:
            # Never cancelled but at the end: the pub/sub layer would unsubscribe.
            message = await self._layer.receive(self._channel.result())
            try:
                heard = self._heard(message)
            except (IndexError, KeyError, TypeError, ValueError) as error:
                logger.warning("layer_message_unknown", error=repr(error))
                continue
            for group, packet in heard:
                self._on_packet(group, packet)

    def _heard(self, message: dict[str, Any]) -> list[tuple[str, Packet]]:
        """Of other types, and so of other versions of the site, nothing is known here."""
        if message["type"] == BEAT:
            self._lanes[message["shard"]].beat_came()
        elif message["type"] == PACKETS and message["origin"] != self._origin:
            group = message["group"]
            return [(group, Packet.from_layer(packet)) for packet in message["packets"]]
        return []


class Lane:
    """What goes by one server of the layer, and whether it comes back."""

    def __init__(
        self,
        layer: Any,
        shard: int,
        *,
        origin: str,
        channel: asyncio.Future[str],
        on_subscribed: Callable[[str], None],
        on_changed: Callable[[], None],
    ) -> None:
        self._layer = layer
        self._shard = shard
        self._origin = origin
        self._channel = channel
        self._on_subscribed = on_subscribed
        self._on_changed = on_changed
        # A group of this hub alone that this server carries.
        names = (f"beat.{origin}.{number}" for number in count())
        self._beats = next(name for name in names if shard_of(layer, name) == shard)
        # Group -> to be subscribed, or to be unsubscribed.
        self._wanted: dict[str, bool] = {self._beats: True}
        self.outgoing = SendQueue()
        self._changes = asyncio.Event()
        self._packets = asyncio.Event()
        self.idle = asyncio.Event()  # nothing waits to go out, nor is on its way
        self._last_beat = asyncio.get_running_loop().time()
        self.up = True

    def want(self, group: str, *, subscribed: bool) -> None:
        self._wanted[group] = subscribed
        self._changes.set()

    def put(self, group: str, packet: Packet) -> None:
        if lost := self.outgoing.put(group, packet):
            metrics.publish_failures.inc(lost)
        self.idle.clear()
        self._packets.set()

    @property
    def late(self) -> bool:
        return self._silence > BEAT_LATE

    @property
    def late_at(self) -> float:
        return self._last_beat + BEAT_LATE

    @property
    def _silence(self) -> float:
        return asyncio.get_running_loop().time() - self._last_beat

    async def subscribe(self) -> None:
        channel = await asyncio.shield(self._channel)
        while True:
            while self._wanted:
                group, subscribed = next(iter(self._wanted.items()))
                call = self._layer.group_add if subscribed else self._layer.group_discard
                await call(group, channel)
                if self._wanted.get(group) is subscribed:
                    del self._wanted[group]
                if subscribed and group != self._beats:
                    self._on_subscribed(group)
            self._changes.clear()
            await self._changes.wait()

    async def send(self) -> None:
        while True:
            while self.outgoing:
                group, packets = self.outgoing.take()
                try:
                    await send_to_layer(group, packets, layer=self._layer, origin=self._origin)
                except Exception:
                    if group == PEOPLE:  # in no log, and does no harm twice: such as an ending
                        self.outgoing.put_back(group, packets)
                    else:
                        metrics.publish_failures.inc(len(packets))
                    raise
            self._packets.clear()
            self.idle.set()
            await self._packets.wait()

    async def beat(self) -> None:
        while True:
            if self.up and self._silence > BEAT_TOLERANCE:
                self.up = False
                logger.warning("layer_away", shard=self._shard, seconds=round(self._silence, 1))
                self._on_changed()
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._layer.group_send(self._beats, {"type": BEAT, "shard": self._shard})
            await asyncio.sleep(BEAT_INTERVAL)

    def beat_came(self) -> None:
        missed = not self.up or self.late
        self._last_beat = asyncio.get_running_loop().time()
        if not self.up:
            self.up = True
            logger.info("layer_back", shard=self._shard)
        if missed:
            self._on_changed()


async def _keep(step: Callable[[], Any]) -> None:
    """Run a loop for as long as the link lives, whatever the layer raises."""
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 - any failure of the layer, logged and retried
            logger.warning("layer_failed", step=step.__name__, error=str(error))
            await asyncio.sleep(RETRY_DELAY)


async def send_to_layer(
    group: str, packets: Sequence[Packet], *, layer: Any, origin: str = ""
) -> None:
    """One publish; raises TimeoutError or what the layer raises. The log heals what is lost."""
    message = {
        "type": PACKETS,
        "origin": origin,
        "group": group,
        "packets": [packet.to_layer() for packet in packets],
    }
    async with asyncio.timeout(SEND_TIMEOUT):
        await layer.group_send(group, message)
