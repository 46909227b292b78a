"""While Redis is away nobody may lose a socket, or wait for an acknowledgement."""

from types import SimpleNamespace
from typing import Any

import pytest

from soak.faults.redis import missed
from soak.ledger import Ledger
from soak.streets import Streets


@pytest.fixture
def stage() -> Any:
    return SimpleNamespace(ledger=Ledger(), streets=Streets([]), waiting=[])


async def test_sockets_that_stay_and_prompt_acknowledgements_keep_the_promise(stage: Any) -> None:
    stage.ledger.reconnects = 3  # before
    stage.ledger.acks.append(5.0)
    async with missed(stage):
        stage.ledger.acks.append(0.2)
    assert not stage.ledger.broken


async def test_a_socket_that_closes_is_a_breach(stage: Any) -> None:
    async with missed(stage):
        stage.ledger.reconnects += 1
    assert stage.ledger.breaches["I"] == ["during the load: 1 sockets closed"]


async def test_a_late_acknowledgement_is_a_breach_and_so_is_one_that_never_comes(
    stage: Any,
) -> None:
    async with missed(stage):
        stage.ledger.acks.append(1.5)
    assert stage.ledger.broken == {"I": 1}
    async with missed(stage):
        stage.waiting = [2.0]
    assert stage.ledger.broken == {"I": 2}
