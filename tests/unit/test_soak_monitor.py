"""What is watched all the time: health, memory, and the logs of what was broken."""

import asyncio
import json
import os
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from soak import monitor
from soak.ledger import Ledger
from soak.machine import dead, tree
from soak.monitor import tracebacks
from soak.probe import Health
from soak.streets import Streets
from soak.workers import Door

PLAIN = """a line
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    raise KeyError(1)

KeyError: 1
another line
"""


def test_a_traceback_is_told_by_what_went_wrong() -> None:
    assert tracebacks(PLAIN) == ["KeyError: 1"]


def test_a_traceback_in_a_line_of_json_is_found() -> None:
    line = {"event": "handler_failed", "exception": PLAIN.partition("\n")[2].strip()}
    (found,) = tracebacks(json.dumps({"event": "fine"}) + "\n" + json.dumps(line) + "\n")
    assert "handler_failed" in found


def test_a_quiet_log_has_none() -> None:
    assert tracebacks("a line\nanother\n") == []


@pytest.fixture
def stage() -> Any:
    """A site that nobody can reach."""
    door = Door("http://127.0.0.1:1")
    return SimpleNamespace(
        ledger=Ledger(),
        streets=Streets([door]),
        clients=[],
        extra_sockets=0,
        slow_sockets=0,
        processes=1,
        memory_kib=100_000,
    )


@pytest.mark.parametrize(
    ("answer", "took", "broken"), [("200", 1.0, 0), ("200", 1.01, 1), ("503", 0.1, 1)]
)
def test_healthz_answers_well_and_in_time(
    answer: str, took: float, broken: int, stage: Any
) -> None:
    stage.streets.touch()
    monitor.Monitor(stage).heard(Health(0, answer, time.monotonic(), took))
    assert stage.ledger.broken["G"] == broken


def test_a_door_that_cannot_be_reached_need_not_answer(stage: Any) -> None:
    asked = time.monotonic()
    stage.streets.touch(0)
    watch = monitor.Monitor(stage)
    watch.heard(Health(0, "timed out", asked, 20.0))
    stage.streets.spare(0)
    watch.heard(Health(0, "timed out", asked, 20.0))  # asked before it could be
    assert not stage.ledger.broken


async def test_the_probe_asks_every_door_and_ends_with_its_watch(stage: Any) -> None:
    heard: asyncio.Queue[Health] = asyncio.Queue()
    stage.streets.doors *= 2
    watch = monitor.Monitor(stage)
    watch.heard = heard.put_nowait  # type: ignore[method-assign]
    async with asyncio.timeout(60):
        watching = asyncio.create_task(watch.watch_health())
        asked: Counter[int] = Counter()
        while min(asked[0], asked[1]) < 2:
            asked[(await heard.get()).door] += 1
        (probe,) = probes()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    assert set(asked) == {0, 1}
    assert dead([probe]) == 1


def probes() -> list[int]:
    """The processes of this one that are probes."""
    commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in tree(os.getpid())[1:]}
    return [pid for pid, command in commands.items() if b"soak.probe" in command]


@pytest.mark.parametrize(
    ("slow", "sockets", "grown_kib", "broken"),
    [
        (0, 0, 20_000, 0),
        (0, 0, 20_001, 1),
        (0, 100, 24_000, 0),
        (2, 0, 22_048, 0),
        (2, 0, 22_049, 1),
    ],
)
def test_memory_may_grow_with_the_sockets_and_no_further(
    slow: int, sockets: int, grown_kib: int, broken: int, stage: Any
) -> None:
    watch = monitor.Monitor(stage)
    watch.begin()
    stage.slow_sockets, stage.extra_sockets = slow, sockets
    stage.memory_kib += grown_kib
    watch.look()
    assert stage.ledger.broken["E"] == broken


def test_the_memory_of_sockets_that_have_gone_may_take_a_while_to_come_back(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = monitor.Monitor(stage)
    stage.extra_sockets = 5000
    watch.look()  # before the beginning: none of it counts
    stage.extra_sockets = 0
    watch.begin()
    now = time.monotonic()
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now)
    stage.extra_sockets, stage.slow_sockets = 1000, 2
    watch.look()
    stage.memory_kib += 20_000 + 1000 * 40 + 2 * 1024
    stage.extra_sockets = stage.slow_sockets = 0
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now + monitor.BACK_WITHIN)
    watch.look()
    assert not stage.ledger.broken
    stage.memory_kib += 1
    watch.look()
    assert stage.ledger.broken == {"E": 1}
    stage.ledger.broken.clear()
    stage.memory_kib -= 1
    monkeypatch.setattr(monitor.time, "monotonic", lambda: now + monitor.BACK_WITHIN + 1)
    watch.look()
    assert stage.ledger.broken == {"E": 1}


def test_memory_that_does_not_come_back_is_a_breach(stage: Any) -> None:
    watch = monitor.Monitor(stage)
    watch.begin()
    stage.memory_kib *= 1.3
    watch.look_at_rest()
    assert stage.ledger.broken == {"E": 1}
