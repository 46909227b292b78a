"""One worker cannot be reached, or cannot reach anybody."""

import asyncio
from contextlib import AbstractContextManager

from soak.faults import Effects, fault
from soak.faults.redis import AWAY, NOTICED
from soak.network import Cell
from soak.stage import Stage


@fault("cut-off", "own", "workers", "root", "netns", least=NOTICED)
async def cut_off(stage: Stage, seconds: float) -> Effects:
    """Cut one worker's network both ways: from people, database and Redis."""
    return await alone(stage, _cell(stage).cut(), seconds)


@fault("one-way", "own", "workers", "root", "netns", least=NOTICED)
async def one_way(stage: Stage, seconds: float) -> Effects:
    """Nothing reaches one worker any more, while what it sends arrives."""
    return await alone(stage, _cell(stage).deaf(), seconds)


async def alone(stage: Stage, cut: AbstractContextManager[None], seconds: float) -> Effects:
    number = len(stage.workers) - 1
    stage.streets.touch(number)
    with cut:
        await asyncio.sleep(seconds)
    return {"workers that missed Redis": stage.logged(AWAY, at=number)}


def _cell(stage: Stage) -> Cell:
    assert stage.cell is not None
    return stage.cell
