"""The comparison of what a delivery costs."""

from benchmarks.figures import fanout
from benchmarks.figures.fanout import REORDERS, Samples
from benchmarks.outcome import Outcome


def sampled(**costs: float) -> Samples:
    return {
        name: {
            window: [{"cpu_us": cost, "p99_ms": 20.0, "reordered": 0}] * 3
            for window in fanout.WINDOWS
        }
        for name, cost in costs.items()
    }


def titles(samples: Samples) -> list[str]:
    outcome = Outcome()
    fanout._tabulate(outcome, samples)
    assert outcome.table
    return [row[0] for row in outcome.table.rows]


def test_a_peer_that_reorders_keeps_its_figure_and_the_table_says_so() -> None:
    samples = sampled(event=10.0, robyn=12.0)
    samples["robyn"][4][1] = {**samples["robyn"][4][1], "reordered": 3}

    assert titles(samples) == ["chatsite, event", "Robyn" + REORDERS]


def test_nothing_is_said_of_those_that_keep_the_order() -> None:
    assert titles(sampled(event=10.0, robyn=12.0)) == ["chatsite, event", "Robyn"]


def test_ours_is_judged_against_what_each_other_costs() -> None:
    outcome = Outcome()

    fanout._judge(outcome, sampled(event=10.0, message=19.0, robyn=9.0, tutorial=299.0))

    verdicts = {one.what: (one.measured, one.verdict) for one in outcome.figures}
    assert verdicts["event against robyn, 1 in flight"] == ("×1.11", "pass")
    assert verdicts["event against robyn, 4 in flight"] == ("×1.11", "MISS")
    assert verdicts["event against tutorial, 1 in flight"] == ("×0.0334", "MISS")
    assert verdicts["stored message against event, 1 in flight"] == ("×1.9", "pass")


def test_nothing_is_judged_where_ours_has_failed() -> None:
    outcome = Outcome()

    fanout._judge(outcome, sampled(robyn=9.0))

    assert outcome.figures == []
