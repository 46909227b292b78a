"""Waiting for what sends no event."""

import asyncio
from collections.abc import Callable

PATIENCE = 60.0  # seconds


async def eventually(condition: Callable[[], object]) -> None:
    """Until another task has made it so."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - a condition of another's state
            await asyncio.sleep(0.005)
