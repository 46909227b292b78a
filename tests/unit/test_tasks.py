"""Tasks end when they are told to, whatever swallows the word."""

import asyncio

import pytest

from realtime import tasks


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "PATIENCE", 0.01)


async def test_a_task_that_swallowed_its_cancellation_is_cancelled_again() -> None:
    begun = asyncio.Event()

    async def deaf_once() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(deaf_once())
    await begun.wait()
    async with asyncio.timeout(60):
        await tasks.end(task)
    assert task.cancelled()


async def test_what_a_task_raises_at_its_end_is_its_own_affair() -> None:
    async def fails() -> None:
        raise OSError("broken")

    task = asyncio.create_task(fails())
    await asyncio.wait([task])
    await tasks.end(task)
    assert isinstance(task.exception(), OSError)


async def test_there_may_be_no_task_at_all() -> None:
    await tasks.end()
