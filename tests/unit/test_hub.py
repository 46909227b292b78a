"""Hubs of several processes, over a layer that can be made to fail."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from django.db import OperationalError
from structlog.testing import capture_logs

from realtime import hub as hub_module
from realtime import link as link_module
from realtime.hub import Hub
from realtime.log import register_log
from realtime.packet import Packet
from tests.hubs import GROUP, Client, FakeLog, FaultyLayer, follow, post
from tests.waiting import eventually


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


async def test_a_connection_is_skipped_where_it_is_and_no_other_process_looks_for_it(
    log: FakeLog,
) -> None:
    layer = FaultyLayer()
    messages: list[dict[str, Any]] = []
    layer.fault = lambda message: messages.append(message) or [message]
    async with two_hubs(layer) as (one, two):
        sender, beside, elsewhere = [await follow(hub, log) for hub in (one, one, two)]
        await eventually(lambda: len(layer.groups[GROUP]) == 2)
        one.publish(GROUP, Packet(b"1", skip=sender.connection_id))
        one.publish(GROUP, Packet(b"2", skip=elsewhere.connection_id))
        one.publish(GROUP, Packet(b"3"))
        for client, heard in ((sender, [2, 3]), (beside, [1, 2, 3]), (elsewhere, [1, 3])):
            await client.until(len(heard))
            assert client.seqs == heard
    # Among the beats.
    packets = [packet for message in messages for packet in message.get("packets", [])]
    skips = {payload: skip for payload, _, skip in packets}
    assert skips == {b"1": None, b"2": elsewhere.connection_id, b"3": None}


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


@pytest.mark.parametrize(
    ("error", "traced"), [(OperationalError("away"), False), (ValueError("a bug"), True)]
)
async def test_that_the_database_is_away_is_logged_in_one_line_and_a_bug_with_its_place(
    error: Exception, traced: bool, log: FakeLog
) -> None:
    layer = FaultyLayer()
    log.error = error
    with capture_logs() as lines:
        async with two_hubs(layer) as (one, two):
            await follow(two, log)
            log.broken = True
            one.deliver(GROUP, Packet(b"5", seq=5))
            two.deliver(GROUP, Packet(b"5", seq=5))
            await eventually(
                lambda: {line["event"] for line in lines} >= {"heal_failed", "heads_failed"}
            )
    for line in lines:
        if line["event"] not in {"layer_away", "layer_back"}:
            assert line["error"] == str(error)
            assert bool(line["exc_info"]) is traced


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
            self.connection_id = f"{id(self)}"
            self.notices: list[Any] = []

        def hear(self, notice: str, details: Any) -> None:
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


async def test_the_head_is_known_while_the_layer_is_heard_and_nothing_is_missing(
    log: FakeLog,
) -> None:
    layer = FaultyLayer()
    async with two_hubs(layer) as (one, two):
        stranger = one.join("hubtest.2", Client())
        assert one.head_of(stranger) is None
        client = await follow(one, log)
        await eventually(lambda: len(layer.groups[GROUP]) == 1)
        post(two, log)
        await client.until(1)
        group = one.join(GROUP, Client())
        await eventually(lambda: one.head_of(group) == 1)
        group.receive(Packet(b"3", seq=3))
        assert one.head_of(group) is None
        layer.down = True
        await eventually(lambda: not one.up)
        assert one.head_of(group) is None


async def test_what_fails_at_the_end_keeps_nothing_else_from_going_out(log: FakeLog) -> None:
    def fail() -> Any:
        raise ConnectionError("away")

    layer, told = FaultyLayer(), asyncio.Event()

    async def tell() -> None:
        told.set()

    async with two_hubs(layer) as (one, two):
        client = await follow(one, log)
        await eventually(lambda: len(layer.groups[GROUP]) == 1)
        two.on_end += [fail, tell]
        post(two, log)
        await two.flush()
        assert told.is_set()
        await client.until(1)
