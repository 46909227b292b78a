"""`python -m benchmarks [NAME ...]`: run, show, and write docs/benchmarks.md."""

import argparse
import os
import sys
from dataclasses import replace

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.catalogue import CATALOGUE
from benchmarks.machine import LOAD_CORE, SERVER_CORE, commit
from benchmarks.options import Options
from benchmarks.outcome import Outcome, failed
from benchmarks.process import ROOT
from benchmarks.report import keep, show, write
from soak.machine import raise_file_limit

WIDTH = 150  # of tables that go to a file


def main() -> int:
    arguments = _arguments()
    options = replace(
        Options(), runs=arguments.runs, seconds=arguments.seconds, scale=arguments.scale
    )
    raise_file_limit()
    if not {SERVER_CORE, LOAD_CORE} <= os.sched_getaffinity(0):
        sys.stderr.write("The benchmarks need two cores: one for the server, one for its load.\n")
        return 1
    # Off the server's core, with the load, which is not measured.
    os.sched_setaffinity(0, {LOAD_CORE})
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    outcomes = _run(arguments.names or list(CATALOGUE), options, console)
    for name, outcome in outcomes.items():
        show(console, name, outcome)
    if arguments.write:
        console.print(f"Written: {write().relative_to(ROOT)}")
    return 1 if any(one.met is False for out in outcomes.values() for one in out.figures) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*CATALOGUE, []])
    parser.add_argument("--runs", type=int, default=Options.runs, help="interleaved runs")
    parser.add_argument("--seconds", type=float, default=Options.seconds, help="each, at least")
    parser.add_argument("--scale", type=float, default=1.0, help="shrink the numbers of sockets")
    parser.add_argument(
        "--no-write", dest="write", action="store_false", help="leave docs/benchmarks.md alone"
    )
    return parser.parse_args()


def _run(names: list[str], options: Options, console: Console) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    measured = commit()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    # Few refreshes: it shares the core of the load.
    with Progress(*columns, console=console, refresh_per_second=2) as progress:
        whole = progress.add_task("benchmarks", total=len(names))
        for name in names:
            task = progress.add_task(CATALOGUE[name].title, total=None)

            def told(text: str, name: str = name, task: object = task) -> None:
                progress.update(task, description=f"{name}: {text}")  # type: ignore[arg-type]

            try:
                outcomes[name] = CATALOGUE[name].run(options, told)
            except Exception as error:  # noqa: BLE001 - one benchmark must not end the others
                console.print_exception(max_frames=8)
                outcomes[name] = Outcome(figures=[failed(CATALOGUE[name].title, error)])
            else:
                outcomes[name].commit = measured
                keep(name, outcomes[name])
            progress.remove_task(task)
            progress.advance(whole)
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
