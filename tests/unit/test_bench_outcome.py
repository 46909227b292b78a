"""What a benchmark found out, and how it is judged and kept."""

import json

import pytest

from benchmarks.outcome import Figure, Outcome, Table, at_least, at_most, failed, number


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(1, "aim met"), (2, "aim met"), (2.5, "pass"), (3, "pass"), (3.1, "MISS")],
)
def test_less_is_better(value: float, verdict: str) -> None:
    assert at_most("cost", value, 3, 2, unit="ms").verdict == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(5, "aim met"), (4, "aim met"), (3, "pass"), (2.5, "pass"), (2.4, "MISS")],
)
def test_more_is_better(value: float, verdict: str) -> None:
    assert at_least("rate", value, 2.5, 4, unit="×").verdict == verdict


def test_a_target_is_shown_with_its_unit() -> None:
    one = at_most("cost", 2.25, 3, 1.5, unit="ms")

    assert (one.measured, one.must, one.aim) == ("2.25 ms", "≤ 3 ms", "≤ 1.50 ms")


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("shown", "1"), "–"),
        (Figure("must", "1", "1", met=True), "pass"),
        (Figure("must", "2", "1", met=False), "MISS"),
        (Figure("aim", "1", aim="1", aim_met=True), "aim met"),
        (Figure("aim", "2", aim="1", aim_met=False), "aim not met"),
        (Figure("both", "3", "1", "1", met=False, aim_met=True), "MISS"),
    ],
)
def test_a_verdict_says_what_was_asked(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_a_run_that_failed_is_a_miss_and_says_why() -> None:
    one = failed("Robyn, run 3", RuntimeError("x" * 1000))

    assert one.verdict == "MISS"
    assert one.measured.startswith("failed: xxx")
    assert len(one.measured) == 300


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (7, "7"), (1234567, "1,234,567"), (0.754, "0.75"), (12.34, "12.3"), (123.6, "124")],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown


def test_an_outcome_is_kept_whole() -> None:
    outcome = Outcome(
        figures=[at_most("cost", 2.25, 3, unit="ms")],
        table=Table(["a"], [["1"]]),
        notes=["a note"],
        data={"chatsite": {"1": 2.0}},
        runs=7,
        commit="abc1234",
    )

    assert Outcome.from_dict(json.loads(json.dumps(outcome.to_dict()))) == outcome


def test_what_was_kept_before_runs_were_counted_can_be_read() -> None:
    kept = Outcome().to_dict()
    del kept["runs"], kept["commit"]

    assert Outcome.from_dict(kept).commit == ""
