import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from topics import backend
from topics.errors import TopicsAway


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "PATIENCE", 60)


async def test_the_work_is_done_on_a_thread_of_topics() -> None:
    names = await backend.run(lambda first, *, second: (first, second, here()), 1, second=2)
    assert names[:2] == (1, 2)
    assert names[2].startswith("topics")


def here() -> str:
    return threading.current_thread().name


async def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await backend.run(lambda: 1 / 0)


async def test_who_waits_too_long_for_a_thread_is_told_and_the_work_is_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "PATIENCE", 0.05)
    release, begun = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as threads:
        monkeypatch.setattr(backend, "_threads", threads)
        hangs = asyncio.create_task(backend.run(release.wait, 60))
        await asyncio.sleep(0)
        with pytest.raises(TopicsAway):
            await backend.run(begun.set)
        with pytest.raises(TopicsAway):
            await hangs
        release.set()
    assert not begun.is_set()
