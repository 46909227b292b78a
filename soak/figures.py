"""The figures that the project promises, each measured by a soak of its own."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from soak.plan import Plan
from soak.session import hold
from soak.verdict import Verdict

CROWD = 5000
KILLS, MESSAGES = 100, 100_000
Found = dict[str, Verdict]

# Rooms of 200, 20 messages a second in each: what a worker pays is mostly for its deliveries.
ROOMS = Plan(clients=400, rooms=2, rate=40.0, seconds=30.0, cool=1.0)
BRIEF = Plan(seconds=1.0, cool=1.0)
PLANS = {
    # A worker takes some three seconds to come back, and the next is killed then.
    "kills": Plan(
        workers=2, clients=16, rooms=4, rate=220.0, seconds=600.0, cool=5.0, faults=("kill-worker",)
    ),
    "crowd": replace(
        BRIEF, workers=2, clients=4, rooms=1, rate=1.0, crowd=CROWD, faults=("reconnect-storm",)
    ),
    "restart": replace(BRIEF, workers=4, clients=200, faults=("rolling-restart",)),
    "ban": replace(BRIEF, workers=3, faults=("ban",)),
    **{f"{count} workers": replace(ROOMS, workers=count) for count in (1, 2, 4)},
}


@dataclass(frozen=True)
class Figure:
    name: str
    must: float
    of: Callable[[Found], float]
    at_least: bool = False

    def kept(self, found: Found) -> bool:
        value = self.of(found)
        return value >= self.must if self.at_least else value <= self.must


def _cost(found: Found, workers: int) -> float:
    def each(count: int) -> float:
        return found[f"{count} workers"].measured["CPU of the workers per delivery, µs"]

    return each(workers) / each(1)


def _lost_or_doubled(found: Found) -> float:
    broken = found["kills"].broken
    return sum(broken.get(promise, 0) for promise in "ABC")


def _of(plan: str, name: str) -> Callable[[Found], float]:
    """What could not be measured is no success."""
    return lambda found: found[plan].measured.get(name, math.nan)


FIGURES = [
    Figure(
        "kills of a worker",
        KILLS,
        lambda found: found["kills"].effects["kill-worker"]["workers that died"],
        at_least=True,
    ),
    Figure(
        "messages acknowledged meanwhile",
        MESSAGES,
        lambda found: found["kills"].figures["acknowledged"] or 0,
        at_least=True,
    ),
    Figure("of these lost, doubled or out of order", 0, _lost_or_doubled),
    Figure("CPU per delivery, 2 workers against 1", 1.2, lambda found: _cost(found, 2)),
    Figure("CPU per delivery, 4 workers against 1", 1.2, lambda found: _cost(found, 4)),
    Figure(
        "5,000 sockets back after a kill, s",
        30,
        _of("crowd", f"{CROWD} sockets back after a kill, s"),
    ),
    Figure("log reads for each of them", 1, _of("crowd", "log reads for each who came back")),
    Figure("statements for each of them", 4, _of("crowd", "statements for each who came back")),
    Figure(
        "blackout in a rolling restart, p99, s",
        3,
        _of("restart", "blackout p99 in a rolling restart, s"),
    ),
    Figure("revocation to close, p99, s", 1, _of("ban", "revocation to close p99, s")),
]


async def measure(console: Console) -> bool:
    """Take a quarter of an hour, print the table; whether all is as it must be."""
    found: Found = {}
    for name, plan in PLANS.items():
        console.rule(name)
        found[name] = await hold(plan, None, console)
        console.print(found[name].table())
    table = Table("figure", "measured", "must", title="Figures", title_justify="left")
    for figure in FIGURES:
        colour = "green" if figure.kept(found) else "red"
        sign = "≥" if figure.at_least else "≤"
        shown = f"[{colour}]{figure.of(found):,.3f}[/]"
        table.add_row(figure.name, shown, f"{sign} {figure.must:,g}")
    console.print(table)
    return all(figure.kept(found) for figure in FIGURES)
