"""Every client gets the log in order, whatever becomes of hints, hubs and neighbours."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime import hub as hub_module
from realtime.hub import Hub
from realtime.log import register_log
from tests.clock import jump_through
from tests.hubs import GROUP, Client, FakeLog, FaultyLayer, follow, post


class LateLayer(FaultyLayer):
    """Keeps what is sent: each hint is then lost, or comes late, out of turn or again."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[str, dict[str, Any]]] = []

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._take()
        self.kept += [(channel, message) for channel in self.groups[group]]

    def bring(self, number: int) -> None:
        """Counted from the latest."""
        if number < len(self.kept):
            channel, message = self.kept[-1 - number]
            self.queues[channel].put_nowait(message)


async def live_through(
    steps: list[tuple[str, int, float]], log: FakeLog
) -> list[tuple[Client, int, bool]]:
    """Every client there ever was, the head when it joined, and whether it stayed to the end."""
    layer = LateLayer()
    hubs = Hub(layer=layer), Hub(layer=layer)
    here = [(hub, await follow(hub, log), 0) for hub in hubs]
    gone: list[tuple[Client, int, bool]] = []
    for step, number, pause in steps:
        hub = hubs[number % 2]
        if step == "post":
            post(hub, log)
        elif step == "bring":
            layer.bring(number)
        elif step == "join":
            here.append((hub, await follow(hub, log), len(log.seqs)))
        elif step == "leave" and number < len(here):
            hub, client, start = here.pop(number)
            hub.leave(GROUP, client)
            gone.append((client, start, False))
        elif step == "away":
            layer.down = not layer.down
        await asyncio.sleep(pause)
    await asyncio.sleep(2 * hub_module.HEADS_INTERVAL)
    for hub in hubs:
        await hub.close()
    return gone + [(client, start, True) for _, client, start in here]


_steps = st.lists(
    st.tuples(
        st.sampled_from(["post", "post", "bring", "bring", "bring", "join", "leave", "away"]),
        st.integers(0, 5),
        st.sampled_from([0.0, 0.01, 0.01, 1.5]),
    ),
    min_size=5,
    max_size=60,
)


@given(_steps)
@settings(deadline=None, max_examples=60)
def test_every_client_of_every_hub_gets_the_log_in_order_whatever_happens(
    steps: list[tuple[str, int, float]],
) -> None:
    async def run(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    log = FakeLog()
    register_log("hubtest", log)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_module.database, "run", run)
        clients = jump_through(live_through(steps, log))
    for client, start, stayed in clients:
        end = len(log.seqs) if stayed else start + len(client.seqs)
        assert client.seqs == list(range(start + 1, end + 1))
