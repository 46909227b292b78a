import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.stopwatch import Stopwatch

BURNING = "while True: pass"


@pytest.fixture
def one_core() -> Iterator[int]:
    """This process has one core, and what it starts has the same."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    yield min(cores)
    os.sched_setaffinity(0, cores)


def test_what_is_slept_counts() -> None:
    watch, begun = Stopwatch(), time.monotonic()
    time.sleep(0.2)
    assert 0.1 < watch.seconds <= time.monotonic() - begun


@pytest.mark.usefixtures("one_core")
def test_what_waits_for_a_core_does_not() -> None:
    other = subprocess.Popen([sys.executable, "-c", BURNING])  # noqa: S603 - as it says
    try:
        watch, begun, computed = Stopwatch(), time.monotonic(), time.thread_time()
        while time.monotonic() - begun - (time.thread_time() - computed) < 0.3:
            pass
        assert watch.seconds < time.monotonic() - begun - 0.2
    finally:
        other.kill()
        other.wait()
