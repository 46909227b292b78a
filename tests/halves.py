"""`make test` runs in two processes side by side: what breaks real sites, and all the rest.

The first waits for most of its time, and looks at the clock; so the other gives way to it.
"""

import os

import pytest
from xdist.scheduler import LoadScopeScheduling

SITES = "tests/e2e/"
NICENESS = 10  # of the rest, and of the runs that tests start: as much for each of them


class Halves(LoadScopeScheduling):
    """A worker for each half."""

    def _split_scope(self, nodeid: str) -> str:
        return "sites" if nodeid.startswith(SITES) else "rest"


def give_way(item: pytest.Item) -> None:
    """Before a test of the rest that has another worker beside it."""
    if hasattr(item.config, "workerinput") and not item.nodeid.startswith(SITES):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
