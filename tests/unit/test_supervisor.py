"""Which workers the master starts and ends, and when; no process is started here."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.errors import HaltServer

from realtime import supervisor as supervisor_module
from realtime.supervisor import Application, Supervisor


class FakeWorker:
    def __init__(self, pid: int) -> None:
        self.pid = self.age = pid
        self.serving = self.retired = self.ready = False
        self.tmp = self

    def is_ready(self) -> bool:
        return self.ready

    def close(self) -> None:
        self.ready = False


class FakeApp:
    def __init__(self, workers: int) -> None:
        self.cfg = Config()
        self.cfg.set("workers", workers)


class Site(Supervisor):
    """Its workers have their ages for pids."""

    def __init__(self, workers: int) -> None:
        super().__init__(FakeApp(workers))
        self.WORKERS = {}
        self.manage_workers()

    def spawn_worker(self) -> None:
        self.worker_age += 1
        self.WORKERS[self.worker_age] = FakeWorker(self.worker_age)

    def ready(self, *pids: int) -> None:
        for pid in pids:
            self.WORKERS[pid].ready = True
        self.manage_workers()

    @property
    def staying(self) -> list[int]:
        return [pid for pid, worker in self.WORKERS.items() if not worker.retired]


@pytest.fixture(autouse=True)
def ended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The children that ended; no signal is sent to anybody, and nothing is tried again."""
    children: list[tuple[int, int]] = []

    def take() -> Iterator[tuple[int, int]]:
        while children:
            yield children.pop(0)

    monkeypatch.setattr(supervisor_module, "_ended_children", take)
    monkeypatch.setattr("os.kill", lambda *_: None)
    monkeypatch.setattr(supervisor_module, "RETRY_DELAY", 3600)
    return children


def test_an_old_worker_drains_for_each_new_one_that_serves() -> None:
    site = Site(workers=2)
    site.ready(1, 2)
    site.reload()
    site.manage_workers()
    assert site.staying == [1, 2, 3, 4]
    site.ready(4)
    assert site.staying == [2, 3, 4]
    site.ready(3)
    assert site.staying == [3, 4]


def test_two_reloads_in_a_row_end_with_the_newest_workers() -> None:
    site = Site(workers=1)
    site.ready(1)
    for _ in range(2):
        site.reload()
        site.manage_workers()
    site.ready(2)
    assert site.staying == [2, 3]
    site.ready(3)
    assert site.staying == [3]


def test_a_worker_that_fails_to_load_ends_the_new_ones_only(
    ended: list[tuple[int, int]],
) -> None:
    site = Site(workers=2)
    site.ready(1, 2)
    site.reload()
    site.manage_workers()
    ended.append((3, 3 << 8))
    site.reap_workers()
    site.manage_workers()
    assert site.staying == [1, 2]
    site.reload()
    site._spawn_after = 0.0
    site.manage_workers()
    assert site.staying == [1, 2, 5, 6]


@pytest.mark.parametrize("status", [3 << 8, signal.SIGKILL])
def test_where_none_ever_served_a_worker_that_fails_to_load_ends_the_site(
    ended: list[tuple[int, int]], status: int
) -> None:
    site = Site(workers=1)
    ended.append((1, status))
    with pytest.raises(HaltServer, match="failed to load"):
        site.reap_workers()


def test_a_worker_that_is_killed_while_it_loads_is_replaced_though_none_serves(
    ended: list[tuple[int, int]],
) -> None:
    site = Site(workers=1)
    site.ready(1)
    for pid in (1, 2, 3):
        ended.append((pid, signal.SIGKILL))
        site.reap_workers()
        site.manage_workers()
        assert site.staying == [pid + 1]


def test_one_that_fails_by_itself_is_replaced_too_but_not_at_once(
    ended: list[tuple[int, int]],
) -> None:
    site = Site(workers=1)
    site.ready(1)
    ended += [(1, signal.SIGKILL), (2, 3 << 8)]
    site.WORKERS[2] = FakeWorker(2)
    site.worker_age = 2
    site.reap_workers()
    site.manage_workers()
    assert site.staying == []
    site._spawn_after = 0.0
    site.manage_workers()
    assert site.staying == [3]


def test_a_new_worker_that_is_killed_while_it_loads_does_not_stop_the_replacing(
    ended: list[tuple[int, int]],
) -> None:
    site = Site(workers=1)
    site.ready(1)
    site.reload()
    site.manage_workers()
    ended.append((2, signal.SIGKILL))
    site.reap_workers()
    site.manage_workers()
    assert site.staying == [1, 3]
    site.ready(3)
    assert site.staying == [3]


def test_a_worker_that_died_is_replaced(ended: list[tuple[int, int]]) -> None:
    site = Site(workers=2)
    site.ready(1, 2)
    ended.append((1, signal.SIGKILL))
    site.reap_workers()
    site.manage_workers()
    assert site.staying == [2, 3]


def test_a_worker_is_told_to_end_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    monkeypatch.setattr("os.kill", lambda *call: told.append(call))
    site = Site(workers=1)
    site.kill_workers(signal.SIGTERM)
    site.kill_workers(signal.SIGTERM)
    assert told == [(1, signal.SIGTERM)]


@pytest.mark.parametrize("name", ["ttin", "ttou", "usr2"])
def test_no_signal_changes_the_number_of_workers(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(workers=2)
    site.ready(1, 2)
    monkeypatch.setattr(site, "reexec", lambda: pytest.fail("another master"))

    getattr(site, f"handle_{name}")()
    site.manage_workers()

    assert site.staying == [1, 2]
    assert site.num_workers == 2


def test_the_command_line_alone_is_obeyed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gunicorn.conf.py").write_text("workers = 3\ntimeout = 77\n")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 4 --threads 5 --preload")
    line = ["gunicorn", "--workers", "1", "--bind", "fd://3", "site.asgi:application"]
    monkeypatch.setattr("sys.argv", line)
    monkeypatch.setattr("sys.path", [])

    application = Application("%(prog)s", prog="gunicorn")

    assert application.app_uri == "site.asgi:application"
    assert application.cfg.address == [3]
    assert application.cfg.workers == 1
    for name in ("timeout", "threads", "preload_app"):
        assert getattr(application.cfg, name) == getattr(Config(), name)
