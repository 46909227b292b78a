"""What can go wrong. Each fault is a coroutine that breaks something for a while and mends it.

It tells the streets whom it touches, returns as soon as it is over, and says what it did. The
runner waits for workers to come back, and spares everybody again.
"""

import os
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soak.disk import try_disk
from soak.network import try_cell
from soak.services import Missing

if TYPE_CHECKING:
    from soak.plan import Plan
    from soak.stage import Stage

TRIALS = {"netns": try_cell, "small disk": try_disk}
Effects = dict[str, int]  # what a fault did, and how often: where one is 0, it proves nothing
Run = Callable[["Stage", float], Awaitable[Effects]]


@dataclass(frozen=True)
class Fault:
    """`needs`: own (site), workers (several), postgres, sqlite, root, netns, small disk.

    `least`: seconds that it takes to have an effect; a shorter one is made so long.
    """

    name: str
    summary: str
    needs: frozenset[str]
    run: Run
    least: float = 0.0

    def impossible(self, plan: "Plan", *, own: bool) -> str:
        """Why it cannot be done here; "" if it can."""
        reasons = {
            "own": (not own, "the site is not the soak's own"),
            "workers": (plan.workers < 2, "it takes two workers"),
            "postgres": (plan.database != "postgres", "the database is not PostgreSQL"),
            "sqlite": (plan.database != "sqlite", "the database is not SQLite"),
            "root": (os.geteuid() != 0, "it takes root"),
        }
        found = [why for need, (missing, why) in reasons.items() if missing and need in self.needs]
        return ", ".join(found) or self._refused()

    def _refused(self) -> str:
        """What the machine says, where it has to be tried."""
        for need, trial in TRIALS.items():
            if need in self.needs:
                try:
                    trial()
                except (OSError, Missing, subprocess.SubprocessError) as error:
                    return f"no {need} can be made here: {error}"
        return ""


FAULTS: dict[str, Fault] = {}


def fault(name: str, *needs: str, least: float = 0.0) -> Callable[[Run], Run]:
    """The first line of the docstring is what the user is told."""

    def register(run: Run) -> Run:
        summary = (run.__doc__ or "").splitlines()[0].rstrip(".")
        FAULTS[name] = Fault(name, summary, frozenset(needs), run, least)
        return run

    return register


from soak.faults import crowds, databases, floods, network, people, redis, slow, telling, workers  # noqa: E402, F401
