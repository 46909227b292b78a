"""A worker of gunicorn, as its master sees it."""

import threading
from collections.abc import Callable

import pytest
from gunicorn.workers.base import Worker as GunicornWorker

from realtime import worker as module
from realtime.worker import Worker


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Worker:
    monkeypatch.setattr(module, "BEAT_INTERVAL", 0.001)
    return Worker.__new__(Worker)  # without a master


def loading(monkeypatch: pytest.MonkeyPatch, load: Callable[[], None]) -> None:
    monkeypatch.setattr(GunicornWorker, "load_wsgi", lambda _: load())


def test_who_loads_for_long_is_not_taken_for_one_that_hangs(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = threading.Semaphore(0)
    monkeypatch.setattr(worker, "notify", beats.release, raising=False)

    def load() -> None:
        for _ in range(3):
            assert beats.acquire(timeout=60)

    loading(monkeypatch, load)
    worker.load_wsgi()


def test_who_cannot_load_says_so_and_beats_no_more(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "notify", lambda: None, raising=False)

    def fail() -> None:
        raise ImportError("no such application")

    loading(monkeypatch, fail)
    before = set(threading.enumerate())
    with pytest.raises(ImportError):
        worker.load_wsgi()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()


def test_who_hangs_is_found_to_do_so(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOADING", 0.0)
    silent = threading.Event()
    monkeypatch.setattr(worker, "notify", silent.set, raising=False)
    loaded = threading.Event()
    worker._beat_until(loaded)  # ends by itself
    assert not silent.is_set()
