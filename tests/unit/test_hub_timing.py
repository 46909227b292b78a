"""When a hub looks for what it missed, by a clock of the test's own."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from realtime import hub as hub_module
from realtime import link as link_module
from realtime.hub import Hub
from realtime.log import register_log
from realtime.packet import Packet
from tests.clock import jump_through
from tests.hubs import GROUP, Client, FakeLog, FaultyLayer, follow, post


def asked_at(monkeypatch: pytest.MonkeyPatch, layer: FaultyLayer, *, seconds: float) -> list[float]:
    """When the heads of a served group were asked for, on a clock that jumps."""
    log = FakeLog()
    register_log("hubtest", log)
    times: list[float] = []

    async def run(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if function == log.heads:
            times.append(round(asyncio.get_running_loop().time(), 2))
        return function(*args, **kwargs)

    async def serve() -> None:
        hub = Hub(layer=layer)
        await follow(hub, log)
        await asyncio.sleep(seconds)
        await hub.close()

    monkeypatch.setattr(hub_module.database, "run", run)
    jump_through(serve())
    return times


def test_heads_are_asked_for_every_five_seconds_while_the_layer_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, *others = asked_at(monkeypatch, FaultyLayer(), seconds=21)
    assert first == 0  # what came before the subscription held
    assert others == [5, 10, 15, 20]


def test_heads_are_asked_for_every_second_while_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = FaultyLayer()
    layer.down = True
    times = asked_at(monkeypatch, layer, seconds=20)
    # Within the two seconds that a message may take then, whenever it was written.
    assert min(times) <= link_module.BEAT_LATE == 1.5
    assert len(times) >= 18
    assert all(later - sooner <= 1.01 for sooner, later in pairwise(times))


def database_at_once(
    monkeypatch: pytest.MonkeyPatch, *, held: Callable[[Any], bool] = lambda _: False
) -> asyncio.Event:
    """Blocking calls are made on the loop. The answers of those `held` wait for the event."""
    answered = asyncio.Event()

    async def run(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        answer = function(*args, **kwargs)
        if held(function):
            await answered.wait()
        return answer

    monkeypatch.setattr(hub_module.database, "run", run)
    return answered


def test_new_groups_do_not_put_off_the_look_at_the_heads_of_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, other = FakeLog(), FakeLog()
    register_log("hubtest", log)
    register_log("hubtestother", other)
    database_at_once(monkeypatch)

    async def scene() -> list[int]:
        hub = Hub(layer=FaultyLayer())
        client = await follow(hub, log)
        log.seqs.append(1)  # committed elsewhere; its hint was lost
        for number in range(4):
            group = hub.join(f"hubtestother.{number}", Client())
            await hub.catch_up(group, head=0)
            await asyncio.sleep(2)
        await hub.close()
        return client.seqs

    assert jump_through(scene()) == [1]


def test_a_joiner_does_not_take_a_heal_that_began_too_early_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = FakeLog()
    register_log("hubtest", log)

    async def scene() -> list[int]:
        answered = database_at_once(monkeypatch, held=lambda function: function == log.read)
        hub = Hub(layer=FaultyLayer())
        await follow(hub, log)
        group = hub.group(GROUP)
        assert group is not None
        log.seqs.append(1)
        healing = asyncio.create_task(hub.heal(group))
        await asyncio.sleep(0.01)
        log.seqs.append(2)
        joiner = Client()
        hub.join(GROUP, joiner)
        catching_up = asyncio.create_task(hub.catch_up(group, head=2))
        await asyncio.sleep(0.01)
        answered.set()
        await asyncio.gather(healing, catching_up)
        assert group.go_live(joiner, after=2)
        await asyncio.sleep(2 * hub_module.HEADS_INTERVAL)
        await hub.close()
        return joiner.seqs

    assert jump_through(scene()) == []


class DelayedLayer(FaultyLayer):
    """Each message is a little on its way."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for channel in self.groups[group]:
            asyncio.get_running_loop().call_later(0.002, self.queues[channel].put_nowait, message)


def test_what_overtakes_another_workers_message_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    log = FakeLog()
    register_log("hubtest", log)
    database_at_once(monkeypatch)

    async def scene() -> list[list[int]]:
        layer = DelayedLayer()
        hubs = Hub(layer=layer), Hub(layer=layer)
        clients = [await follow(hub, log) for hub in hubs]
        await asyncio.sleep(1)
        for number in range(100):
            post(hubs[number % 2], log)
            await asyncio.sleep(0.001)
        await asyncio.sleep(hub_module.GAP_PATIENCE)
        for hub in hubs:
            await hub.close()
        return [client.seqs for client in clients]

    assert jump_through(scene()) == [list(range(1, 101))] * 2
    assert log.reads == 0


def test_a_gap_that_nothing_fills_is_healed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    log = FakeLog()
    register_log("hubtest", log)
    database_at_once(monkeypatch)

    async def scene() -> tuple[float, list[int]]:
        hub = Hub(layer=FaultyLayer())
        client = await follow(hub, log)
        await asyncio.sleep(1)
        log.seqs += [1, 2]
        began = asyncio.get_running_loop().time()
        hub.deliver(GROUP, Packet(b"2", seq=2))
        await client.until(2)
        took = asyncio.get_running_loop().time() - began
        await hub.close()
        return took, client.seqs

    took, seqs = jump_through(scene())
    assert seqs == [1, 2]
    assert took < 2 * hub_module.GAP_PATIENCE + 0.01
