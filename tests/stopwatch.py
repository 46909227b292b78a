"""Promises of seconds, on a machine that may have no core for those who are to keep them."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

from soak import services
from soak.machine import tree
from soak.services import Service

AT_LEAST = 0.2  # of what passed counts, however busy the machine


class Stopwatch:
    """Seconds, less those for which a process was ready to run and the machine ran something else.

    The processes are this one and `those`, or all that were started. Of each the thread that waited
    longest is taken. What they sleep, wait for each other, and compute counts; on a machine with a
    core to spare all does.
    """

    def __init__(self, *those: Service) -> None:
        self._those = those
        self._delays = dict(self._delayed())
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        passed = time.monotonic() - self._begun
        longest: dict[int, float] = {}
        for (pid, thread), at in self._delayed():
            delay = at - self._delays.get((pid, thread), 0.0)
            longest[pid] = max(longest.get(pid, 0.0), delay)
        return max(passed - sum(longest.values()), AT_LEAST * passed)

    def _delayed(self) -> Iterator[tuple[tuple[int, str], float]]:
        """In seconds, by process and thread."""
        alive = [each for each in self._those or services.started if each.alive]
        trees = (tree(each._process.pid) for each in alive if each._process)
        for pid in {os.getpid(), *chain.from_iterable(trees)}:
            with suppress(OSError):  # it has just ended
                for thread in Path(f"/proc/{pid}/task").iterdir():
                    with suppress(OSError):  # or this thread of it has
                        waited = int((thread / "schedstat").read_text().split()[1])
                        yield (pid, thread.name), waited / 1e9
