from types import SimpleNamespace

import pytest
from channels.layers import InMemoryChannelLayer

from realtime.layers import MemoryLayer


async def test_the_sweep_for_expired_messages_runs_once_a_second_at_most(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweeps: list[float] = []
    now = 1000.0
    monkeypatch.setattr("realtime.layers.time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(InMemoryChannelLayer, "_clean_expired", lambda self: sweeps.append(now))
    layer = MemoryLayer()
    for _ in range(50):
        await layer.group_send("g", {"type": "x"})
    assert sweeps == [1000.0]
    now = 1001.5
    await layer.group_send("g", {"type": "x"})
    assert sweeps == [1000.0, 1001.5]


async def test_it_carries_messages_like_the_one_it_is_made_from() -> None:
    layer = MemoryLayer()
    channel = await layer.new_channel()
    await layer.group_add("g", channel)
    await layer.group_send("g", {"type": "x"})
    assert await layer.receive(channel) == {"type": "x"}
    await layer.group_discard("g", channel)
    await layer.group_send("g", {"type": "x"})
    await layer.send(channel, {"type": "y"})
    assert await layer.receive(channel) == {"type": "y"}
