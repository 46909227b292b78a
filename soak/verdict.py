"""What came of it: the table for people, the same as JSON, and whether every promise was kept."""

from array import array
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from soak.faults import Effects
from soak.ledger import PROMISES, Ledger, percentile

SPARED_P99 = 0.5  # seconds
ENOUGH = 100  # deliveries, for a percentile of one fault alone


@dataclass
class Verdict:
    seed: int
    faults: list[str]
    skipped: dict[str, str] = field(default_factory=dict)  # fault -> why
    wanted: list[str] = field(default_factory=list)  # faults that were asked for by their names
    effects: dict[str, Effects] = field(default_factory=dict)  # fault -> what it did
    unseen: dict[str, str] = field(default_factory=dict)  # promise -> what was not looked at
    figures: dict[str, float | int | None] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, list[str]] = field(default_factory=dict)
    broken: dict[str, int] = field(default_factory=dict)  # promise -> how often
    during: dict[str, dict[str, int]] = field(default_factory=dict)  # fault -> the same

    @classmethod
    def of(
        cls,
        ledger: Ledger,
        *,
        seed: int,
        faults: list[str],
        figures: dict[str, float | int | None],
        unseen: dict[str, str],
    ) -> "Verdict":
        few = {} if any(map(len, ledger.spared.values())) else {"F": "no delivery was spared"}
        return cls(
            effects=ledger.effects,
            unseen=few | unseen,
            seed=seed,
            faults=faults,
            figures=figures,
            measured=ledger.figures,
            errors={f"error {code}": count for code, count in ledger.errors.items()},
            breaches=ledger.breaches,
            broken=dict(ledger.broken),
            during={name: dict(count) for name, count in ledger.broken_during.items()},
        )

    @property
    def proves_nothing(self) -> list[str]:
        """Faults that did not do all of what they are to do, or were asked for and left out."""
        idle = [name for name, effects in self.effects.items() if not all(effects.values())]
        return idle + [name for name in self.skipped if name in self.wanted]

    @property
    def kept(self) -> bool:
        return not self.broken and not self.proves_nothing

    @property
    def code(self) -> int:
        """Of the exit: 1 where a promise was broken, 2 where a fault proves nothing."""
        return 1 if self.broken else 2 * bool(self.proves_nothing)

    def as_json(self) -> dict[str, Any]:
        return {**self.__dict__, "proves_nothing": self.proves_nothing, "kept": self.kept}

    def table(self) -> RenderableType:
        figures = Table("figure", "value", title=f"Soak, seed {self.seed}", title_justify="left")
        for name, value in {**self.figures, **self.measured, **self.errors}.items():
            figures.add_row(name, _shown(value))
        faults = Table("fault", "what it did", title="Faults", title_justify="left")
        for name, effects in self.effects.items():
            faults.add_row(name, ", ".join(map(_done, effects, effects.values())))
        promises = Table("", "promise", "kept?", title="Promises", title_justify="left")
        for letter, promise in PROMISES.items():
            promises.add_row(letter, promise, self._word(letter))
        told = [
            f"[red]{letter}[/] {escape(what)}"
            for letter, all_ in self.breaches.items()
            for what in all_
        ]
        skipped = [f"left out: {name}, for {escape(why)}" for name, why in self.skipped.items()]
        return Group(figures, *([faults] if self.effects else []), promises, *told, *skipped)

    def _word(self, letter: str) -> str:
        if count := self.broken.get(letter, 0):
            return f"[red]broken {count} times[/]"
        if what := self.unseen.get(letter):
            return f"[yellow]not looked at: {what}[/]"
        return "[green]kept[/]"


def _done(what: str, count: int) -> str:
    return f"{count:,} {what}" if count else f"[red]without effect: no {what}[/]"


def _shown(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def judged(
    ledger: Ledger, *, stored: int | None, ghosts: int, memory: dict[str, float]
) -> dict[str, float | int | None]:
    """The figures; what can only be judged at the end is."""
    slowest = [
        (p99, name)
        for name, of in _spared(ledger).items()
        if (p99 := percentile(of, 99)) is not None
    ]
    for p99, name in slowest:
        if p99 > SPARED_P99:
            ledger.breach("F", f"p99 of those who were spared: {p99:.3f} s", during=name)
    spared = max(slowest)[0] if slowest else None
    return {
        "sent": len(ledger.posts),
        "acknowledged": ledger.acknowledged,
        "stored": stored,
        "delivered": ledger.deliveries,
        "lost": ledger.broken["A"],
        "repeated": ledger.repeated,
        "out of order": ledger.backwards + ledger.gaps,
        "reconnects": ledger.reconnects,
        "reloads over HTTP": ledger.resyncs,
        "longest gap of a client, s": max(ledger.blackouts, default=None),
        "delivery p50, s": percentile(ledger.latencies, 50),
        "delivery p99, s": percentile(ledger.latencies, 99),
        "delivery p99 of those spared, at its slowest fault, s": spared,
        "acknowledgement p99, s": percentile(ledger.acks, 99),
        "ghosts": ghosts,
        **memory,
    }


def _spared(ledger: Ledger) -> "dict[str, array[float]]":
    """By fault, where there are enough; the rest together."""
    found = {name: took for name, took in ledger.spared.items() if len(took) >= ENOUGH}
    few = array("d")
    for name, took in ledger.spared.items():
        if name not in found:
            few.extend(took)
    return {**found, "the other faults": few}
