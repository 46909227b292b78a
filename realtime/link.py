"""The hub's link to the channel layer: one channel, a sender, a receiver, a beat.

Nothing that a person waits for waits for it: each call is made by a task of its own, and what the
layer loses or delays is read from the log.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import structlog

from realtime import metrics
from realtime.layers import MemoryLayer
from realtime.packet import Packet

logger = structlog.get_logger(__name__)

BEAT_INTERVAL = 1.0
BEAT_TOLERANCE = 3.0  # no beat for so long: the layer is away
SEND_TIMEOUT = 1.0
SEND_QUEUE = 10_000  # packets; the oldest give way, and are read from the log
RETRY_DELAY = 1.0


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
        """`on_changed` is called when the layer is found to be away, and when it is back."""
        self._layer = layer
        self._origin = origin
        self._on_packet = on_packet
        self._on_subscribed = on_subscribed
        self._on_changed = on_changed
        self._wanted: dict[str, bool] = {}  # group -> to be subscribed, or to be unsubscribed
        self._outgoing: deque[tuple[str, Packet]] = deque(maxlen=SEND_QUEUE)
        self._changes = asyncio.Event()
        self._packets = asyncio.Event()
        self._last_beat = asyncio.get_running_loop().time()
        self._channel: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        # A layer within this process has nobody else to tell.
        self._local = layer is None or isinstance(layer, MemoryLayer)
        work = () if self._local else (self._receive, self._subscribe, self._send, self._beat)
        self._tasks = [asyncio.create_task(self._keep(step)) for step in work]
        self.up = True

    def subscribe(self, group: str) -> None:
        self._want(group, subscribed=True)

    def unsubscribe(self, group: str) -> None:
        self._want(group, subscribed=False)

    def send(self, group: str, packet: Packet) -> None:
        if not self._local:
            self._outgoing.append((group, packet))
            self._packets.set()

    @property
    def queued(self) -> int:
        return len(self._outgoing)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _want(self, group: str, *, subscribed: bool) -> None:
        if not self._local:
            self._wanted[group] = subscribed
            self._changes.set()

    async def _keep(self, step: Callable[[], Any]) -> None:
        """Run a loop for as long as the link lives, whatever the layer raises."""
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - any failure of the layer, logged and retried
                logger.warning("layer_failed", step=step.__name__, error=str(error))
                await asyncio.sleep(RETRY_DELAY)

    async def _receive(self) -> None:
        if not self._channel.done():
            self._channel.set_result(await self._layer.new_channel())
        while True:
            # Never cancelled but at the end: the pub/sub layer would unsubscribe.
            self._take(await self._layer.receive(self._channel.result()))

    def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "hub.beat":
            self._beat_came()
        elif message["origin"] != self._origin:
            self._on_packet(message["group"], Packet.from_layer(message))

    async def _subscribe(self) -> None:
        channel = await asyncio.shield(self._channel)
        while True:
            while self._wanted:
                group, subscribed = next(iter(self._wanted.items()))
                call = self._layer.group_add if subscribed else self._layer.group_discard
                await call(group, channel)
                if self._wanted.get(group) is subscribed:
                    del self._wanted[group]
                if subscribed:
                    self._on_subscribed(group)
            self._changes.clear()
            await self._changes.wait()

    async def _send(self) -> None:
        while True:
            await self._packets.wait()
            self._packets.clear()
            while self._outgoing:
                group, packet = self._outgoing.popleft()
                try:
                    await send_to_layer(group, packet, layer=self._layer, origin=self._origin)
                except Exception:
                    metrics.publish_failures.inc()
                    raise

    async def _beat(self) -> None:
        channel = await asyncio.shield(self._channel)
        while True:
            silence = asyncio.get_running_loop().time() - self._last_beat
            if self.up and silence > BEAT_TOLERANCE:
                self.up = False
                logger.warning("layer_away", seconds=round(silence, 1))
                self._on_changed()
            async with asyncio.timeout(SEND_TIMEOUT):
                await self._layer.send(channel, {"type": "hub.beat"})
            await asyncio.sleep(BEAT_INTERVAL)

    def _beat_came(self) -> None:
        self._last_beat = asyncio.get_running_loop().time()
        if not self.up:
            self.up = True
            logger.info("layer_back")
            self._on_changed()


async def send_to_layer(group: str, packet: Packet, *, layer: Any, origin: str = "") -> None:
    """One publish; raises TimeoutError or what the layer raises. The log heals what is lost."""
    async with asyncio.timeout(SEND_TIMEOUT):
        await layer.group_send(group, packet.to_layer(group=group, origin=origin))
