"""The table at the end, and docs/benchmarks.md with its plot.

Outcomes are kept between runs, so that a benchmark run by its name replaces its own part only.
"""

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.catalogue import CATALOGUE
from benchmarks.machine import describe
from benchmarks.outcome import Figure, Outcome
from benchmarks.plots import draw
from benchmarks.process import ROOT

KEPT = ROOT / "var/benchmarks/outcomes.json"
DOCUMENT = ROOT / "docs/benchmarks.md"
COLOURS = {"MISS": "red", "pass": "green", "aim met": "bold green", "aim not met": "yellow"}
QUIET = 0.5  # load average
INTRODUCTION = """\
# Benchmarks

Written by `make bench`; `python -m benchmarks NAME` repeats one part. A server runs on one core
and its load on the other. The load is made of picows sockets on a loop that spins, so that no
server pays for waking it; it counts and checks every delivery, and a run that loses, repeats or
changes one is a failure and no figure. So is one of ours in which two members hear another order;
of a server that promises none the table says so. CPU is user and system time of the server's whole
process tree, as `/proc` has it. Each server is the plain version that its own documentation teaches
(`benchmarks/peers/`); one is none, and sends to each socket what it was told: what is below all in
Python.
"""


def kept() -> dict[str, Outcome]:
    if not KEPT.exists():
        return {}
    return {name: Outcome.from_dict(one) for name, one in json.loads(KEPT.read_text()).items()}


def keep(name: str, outcome: Outcome) -> None:
    outcomes = {**kept(), name: outcome}
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps({name: one.to_dict() for name, one in outcomes.items()}, indent=1))


def show(console: Console, name: str, outcome: Outcome) -> None:
    title = CATALOGUE[name].title
    if outcome.table:
        table = RichTable(*outcome.table.header, title=title)
        for row in outcome.table.rows:
            table.add_row(*map(escape, row))
        console.print(table)
    figures = RichTable("figure", "measured", "must", "aim", "", title=title)
    for one in outcome.figures:
        cells = (one.what, one.measured, one.must, one.aim)
        figures.add_row(*map(escape, cells), f"[{COLOURS.get(one.verdict, 'dim')}]{one.verdict}[/]")
    console.print(figures)


def write() -> Path:
    outcomes = kept()
    parts = [INTRODUCTION, f"Measured on: {describe()}.\n"]
    for name, benchmark in CATALOGUE.items():
        if (outcome := outcomes.get(name)) is not None:
            parts.append(_section(name, benchmark.title, outcome))
    DOCUMENT.write_text("\n".join(parts))
    return DOCUMENT


def _section(name: str, title: str, outcome: Outcome) -> str:
    lines = [
        f"## {title}",
        "",
        f"`python -m benchmarks {name}`, {outcome.when}, {_made(outcome)}.{_beside(outcome)}",
        "",
    ]
    if plot := draw(name, title, outcome, DOCUMENT.parent):
        lines += [f"![{title}]({plot})", ""]
    if outcome.table:
        lines += [*_table(outcome.table.header, outcome.table.rows), ""]
    if outcome.figures:
        header = ["figure", "measured", "must", "aim", "verdict"]
        lines += [*_table(header, [_cells(one) for one in outcome.figures]), ""]
    lines += [f"{note}\n" for note in outcome.notes]
    return "\n".join(lines)


def _made(outcome: Outcome) -> str:
    runs = "1 run" if outcome.runs == 1 else f"medians of {outcome.runs} runs"
    return f"commit {outcome.commit}, {runs}" if outcome.commit else runs


def _beside(outcome: Outcome) -> str:
    if outcome.busy < QUIET:
        return ""
    return f" The machine was busy with other work (load average {outcome.busy:.1f} at the start)."


def _cells(one: Figure) -> list[str]:
    verdict = "**MISS**" if one.verdict == "MISS" else one.verdict
    return [one.what, one.measured, one.must, one.aim, verdict]


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    def line(cells: list[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return [line(header), line(["---"] * len(header)), *map(line, rows)]
