"""What a benchmark found out."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

Told = Callable[[str], None]


@dataclass(frozen=True)
class Figure:
    """One measured thing beside its target. `met` is None where there is nothing to meet."""

    what: str
    measured: str
    must: str = ""
    aim: str = ""
    met: bool | None = None
    aim_met: bool | None = None

    @property
    def verdict(self) -> str:
        """MISS is of what must be; a figure with an aim alone only comes near or gets there."""
        if self.met is False:
            return "MISS"
        if self.aim:
            return "aim met" if self.aim_met else "pass" if self.met else "aim not met"
        return "pass" if self.met else "–"


@dataclass
class Table:
    header: list[str]
    rows: list[list[str]] = field(default_factory=list)


@dataclass
class Outcome:
    """`data` is what a plot is drawn from; `runs` is how often it was measured, for a median."""

    figures: list[Figure] = field(default_factory=list)
    table: Table | None = None
    notes: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    runs: int = 1
    commit: str = ""
    when: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    # Other work on the machine when it began: what was measured beside it is worth less.
    busy: float = field(default_factory=lambda: os.getloadavg()[0])

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "Outcome":
        table = Table(**kept["table"]) if kept["table"] else None
        figures = [Figure(**one) for one in kept["figures"]]
        return cls(**{**kept, "table": table, "figures": figures})


def at_most(what: str, value: float, must: float, aim: float | None = None, *, unit: str) -> Figure:
    """A figure that has to stay below its target."""
    return Figure(
        what,
        f"{number(value)} {unit}".strip(),
        f"≤ {number(must)} {unit}".strip(),
        "" if aim is None else f"≤ {number(aim)} {unit}".strip(),
        met=value <= must,
        aim_met=aim is not None and value <= aim,
    )


def at_least(
    what: str, value: float, must: float, aim: float | None = None, *, unit: str
) -> Figure:
    return Figure(
        what,
        f"{number(value)} {unit}".strip(),
        f"≥ {number(must)} {unit}".strip(),
        "" if aim is None else f"≥ {number(aim)} {unit}".strip(),
        met=value >= must,
        aim_met=aim is not None and value >= aim,
    )


def failed(what: str, error: Exception) -> Figure:
    """A run that is a failure and no figure."""
    return Figure(what, f"failed: {error}"[:300], met=False)


def number(value: float) -> str:
    """Three digits, as people compare them."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
