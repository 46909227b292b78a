"""The end of tasks that run for as long as what they belong to."""

import asyncio
from typing import Any

PATIENCE = 1.0  # seconds for what a task does at its end, as to unsubscribe


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them, and again until they have ended.

    Python 3.11's `asyncio.wait_for`, with which Redis's client writes, swallows a cancellation that
    comes together with its result: a loop would go on, and who waits for its end wait for ever.
    """
    running = set(tasks)
    while running:
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=PATIENCE)
    await asyncio.gather(*tasks, return_exceptions=True)
