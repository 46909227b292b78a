"""docs/benchmarks.md, as it is written."""

import pytest

from benchmarks.outcome import Figure, Outcome, Table

pytest.importorskip("matplotlib", reason="of requirements-bench.txt")

from benchmarks.report import _section


def section(**fields: object) -> str:
    return _section("idle", "Idle sockets", Outcome(when="today", busy=0.0, **fields))  # type: ignore[arg-type]


def test_a_section_says_when_from_what_and_from_how_many_runs() -> None:
    text = section(runs=7, commit="abc1234")

    assert "`python -m benchmarks idle`, today, commit abc1234, medians of 7 runs.\n" in text


def test_a_section_of_one_run_says_so() -> None:
    assert "`python -m benchmarks idle`, today, 1 run.\n" in section()


def test_what_else_kept_the_machine_busy_is_named() -> None:
    text = _section("idle", "Idle sockets", Outcome(busy=2.04))

    assert "busy with other work (load average 2.0 at the start)" in text


def test_figures_tables_and_notes_are_all_there() -> None:
    text = section(
        figures=[Figure("memory", "28 KiB", "≤ 25 KiB", met=False)],
        table=Table(["a|b"], [["1"]]),
        notes=["A note."],
    )

    assert "| memory | 28 KiB | ≤ 25 KiB |  | **MISS** |" in text
    assert "| a\\|b |" in text
    assert "\nA note.\n" in text
