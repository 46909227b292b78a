"""What hubs stand on and serve: a log, a layer that can be made to fail, clients."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from realtime.hub import Hub
from realtime.outbox import Frames
from realtime.packet import Packet

GROUP = "hubtest.1"


class FakeLog:
    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.reads = 0
        self.head_queries: list[list[str]] = []
        self.broken = False
        self.error: Exception = ConnectionError("broken")

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        self.reads += 1
        if self.broken:
            raise self.error
        return [(seq, b"%d" % seq) for seq in self.seqs if seq > after][:limit]

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        self.head_queries.append(sorted(owner_ids))
        if self.broken:
            raise self.error
        return {"1": len(self.seqs)}


class FaultyLayer:
    """A layer of several processes. `fault` says what becomes of a group's message."""

    def __init__(self) -> None:
        self.queues: dict[str, asyncio.Queue[Any]] = {}
        self.groups: defaultdict[str, set[str]] = defaultdict(set)
        self.sent: list[str] = []
        self.fault: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda message: [message]
        self.down = False

    async def new_channel(self) -> str:
        name = f"channel{len(self.queues)}"
        self.queues[name] = asyncio.Queue()
        return name

    async def receive(self, channel: str) -> Any:
        return await self.queues[channel].get()

    async def group_add(self, group: str, channel: str) -> None:
        await self._take()
        self.groups[group].add(channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._take()
        self.groups[group].discard(channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._take()
        self.sent.append(group)
        for channel in self.groups[group]:
            for copy in self.fault(message):
                self.queues[channel].put_nowait(copy)

    async def _take(self) -> None:
        if self.down:
            raise ConnectionError("the layer is down")


class Client:
    def __init__(self) -> None:
        self.connection_id = f"c{id(self)}"
        self.person_id = "1"
        self.seqs: list[int] = []
        self.heard = asyncio.Condition()

    def deliver(self, frames: Frames) -> None:
        self.seqs += [int(text) for text in frames.texts]
        asyncio.get_running_loop().create_task(self._notify())

    async def _notify(self) -> None:
        async with self.heard:
            self.heard.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(60), self.heard:
            await self.heard.wait_for(lambda: len(self.seqs) >= count)


async def follow(hub: Hub, log: FakeLog) -> Client:
    client = Client()
    group = hub.join(GROUP, client)
    head = len(log.seqs)
    await hub.catch_up(group, head=head)
    group.go_live(client, after=head)
    return client


def post(hub: Hub, log: FakeLog) -> None:
    seq = len(log.seqs) + 1
    log.seqs.append(seq)
    hub.publish(GROUP, Packet(b"%d" % seq, seq=seq))
