"""Hubs of several processes, over a layer that can be made to fail."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from realtime import hub as hub_module
from realtime import link as link_module
from realtime.hub import Hub
from realtime.log import register_log
from realtime.outbox import Frames
from realtime.packet import Packet

GROUP = "hubtest.1"


class FakeLog:
    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.reads = 0
        self.head_queries: list[list[str]] = []
        self.broken = False

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        self.reads += 1
        if self.broken:
            raise ConnectionError
        return [(seq, b"%d" % seq) for seq in self.seqs if seq > after][:limit]

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        self.head_queries.append(sorted(owner_ids))
        if self.broken:
            raise ConnectionError
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

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._take()
        self.queues[channel].put_nowait(message)

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
        async with asyncio.timeout(5), self.heard:
            await self.heard.wait_for(lambda: len(self.seqs) >= count)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> FakeLog:
    monkeypatch.setattr(hub_module, "HEADS_INTERVAL", 0.05)
    monkeypatch.setattr(hub_module, "HEADS_INTERVAL_WITHOUT_LAYER", 0.05)
    monkeypatch.setattr(hub_module, "LINGER", 0.01)
    monkeypatch.setattr(link_module, "BEAT_INTERVAL", 0.02)
    monkeypatch.setattr(link_module, "BEAT_TOLERANCE", 0.1)
    monkeypatch.setattr(link_module, "RETRY_DELAY", 0.02)
    log = FakeLog()
    register_log("hubtest", log)
    return log


@asynccontextmanager
async def two_hubs(layer: FaultyLayer) -> AsyncIterator[tuple[Hub, Hub]]:
    hubs = Hub(layer=layer), Hub(layer=layer)
    try:
        yield hubs
    finally:
        for hub in hubs:
            await hub.close()


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


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.005)


async def test_a_post_reaches_the_members_in_every_process_with_one_send(log: FakeLog) -> None:
    layer = FaultyLayer()
    async with two_hubs(layer) as (one, two):
        clients = [await follow(one, log) for _ in range(3)] + [await follow(two, log)]
        await eventually(lambda: len(layer.groups[GROUP]) == 2)
        post(one, log)
        for client in clients:
            await client.until(1)
        assert layer.sent.count(GROUP) == 1
        assert all(client.seqs == [1] for client in clients)


async def test_lost_repeated_and_late_hints_leave_every_list_equal_to_the_log(log: FakeLog) -> None:
    chance = random.Random(7)
    held: list[dict[str, Any]] = []

    def fault(message: dict[str, Any]) -> list[dict[str, Any]]:
        held.extend([message] * chance.choice([0, 1, 2]))
        chance.shuffle(held)
        released = held[: chance.randint(0, len(held))]
        del held[: len(released)]
        return released

    layer = FaultyLayer()
    layer.fault = fault
    async with two_hubs(layer) as (one, two):
        clients = [await follow(hub, log) for hub in (one, two) for _ in range(2)]
        for number in range(200):
            post(one if chance.random() < 0.5 else two, log)
            if number % 10 == 0:
                await asyncio.sleep(0)
        for client in clients:
            await client.until(200)
        assert all(client.seqs == list(range(1, 201)) for client in clients)


async def test_a_layer_that_loses_everything_is_healed_by_the_heads(log: FakeLog) -> None:
    layer = FaultyLayer()
    layer.fault = lambda _: []
    async with two_hubs(layer) as (one, two):
        client = await follow(two, log)
        post(one, log)
        await client.until(1)
        assert client.seqs == [1]


async def test_with_the_layer_down_nobody_waits_and_the_log_is_read(log: FakeLog) -> None:
    layer = FaultyLayer()
    layer.down = True
    async with two_hubs(layer) as (one, two):
        near, far = await follow(one, log), await follow(two, log)
        post(one, log)
        await asyncio.sleep(0)  # one turn of the loop: delivery in the process asks no layer
        assert near.seqs == [1]
        await far.until(1)


async def test_when_the_layer_is_back_hints_work_again(log: FakeLog) -> None:
    layer = FaultyLayer()
    layer.down = True
    async with two_hubs(layer) as (one, two):
        client = await follow(two, log)
        await eventually(lambda: not one._link.up and not two._link.up)
        layer.down = False
        await eventually(lambda: one._link.up and two._link.up and bool(layer.groups[GROUP]))
        post(one, log)
        await client.until(1)
        assert client.seqs == [1]


async def test_a_hub_whose_log_fails_tries_again(log: FakeLog) -> None:
    layer = FaultyLayer()
    layer.fault = lambda _: []
    async with two_hubs(layer) as (one, two):
        client = await follow(two, log)
        log.broken = True
        post(one, log)
        seen = len(log.head_queries)
        await eventually(lambda: len(log.head_queries) > seen + 1)
        log.broken = False
        await client.until(1)


async def test_heads_are_asked_for_in_one_query_for_all_groups(log: FakeLog) -> None:
    async with two_hubs(FaultyLayer()) as (one, _):
        for number in range(1, 4):
            client = Client()
            group = one.join(f"hubtest.{number}", client)
            group.start_at(0)
            group.go_live(client, after=0)
        await eventually(lambda: ["1", "2", "3"] in log.head_queries)


async def test_the_layer_group_is_left_a_moment_after_the_last_socket(log: FakeLog) -> None:
    layer = FaultyLayer()
    async with two_hubs(layer) as (one, _):
        client = await follow(one, log)
        await eventually(lambda: bool(layer.groups[GROUP]))
        one.leave(GROUP, client)
        await eventually(lambda: not layer.groups[GROUP])


async def test_a_notice_reaches_the_sockets_of_its_person_on_every_worker(log: FakeLog) -> None:
    class Listener:
        def __init__(self, person_id: str) -> None:
            self.person_id = person_id
            self.notices: list[Any] = []

        def told(self, notice: str, details: Any) -> None:
            self.notices.append((notice, details))

    layer = FaultyLayer()
    async with two_hubs(layer) as (one, two):
        here, there, other = Listener("1"), Listener("1"), Listener("2")
        one.switchboard.attach(here)
        two.switchboard.attach(there)
        two.switchboard.attach(other)
        await eventually(lambda: len(layer.groups["people"]) == 2)
        one.publish("people", Packet(b'{"notice":"renamed","people":{"1":{"name":"A"}}}'))
        await eventually(lambda: bool(there.notices))
        assert here.notices == there.notices == [("renamed", {"name": "A"})]
        assert other.notices == []
