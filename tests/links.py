"""A link to a layer that can be made to fail, and what its owner is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from realtime.link import BEAT, PACKETS, LayerLink
from realtime.packet import Packet


class Layer:
    """Calls are kept in order. While `stuck`, they wait; while `down`, they fail."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.calls: list[tuple[str, str]] = []
        self.sent: list[list[bytes]] = []  # the payloads of each message
        self.failed: list[str] = []
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

    async def group_add(self, group: str, channel: str) -> None:
        await self._call("add", group)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._call("discard", group)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if message["type"] != BEAT:
            await self._call("group_send", group)
            self.sent.append([payload for payload, _, _ in message["packets"]])
        elif group in self.made("add"):
            await self._call("beat", group)
            self.queue.put_nowait(message)

    async def _call(self, name: str, target: str) -> None:
        await self.moving.wait()
        if self.down:
            self.failed.append(name)
            raise ConnectionError("down")
        self.calls.append((name, target))

    def made(self, name: str) -> list[str]:
        return [target for call, target in self.calls if call == name]


def published(group: str, *packets: Packet, origin: str) -> dict[str, Any]:
    sent = [packet.to_layer() for packet in packets]
    return {"type": PACKETS, "origin": origin, "group": group, "packets": sent}


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
