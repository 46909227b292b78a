"""How often a benchmark measures, and what it makes of that."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import body, connect, doors, idle, members, rooms, slow_reader
from benchmarks.options import Options
from benchmarks.outcome import Outcome
from benchmarks.process import Server
from benchmarks.site import Site

RUNS = 7
SERVER = Server(pid=1, port=1, log=Path("/dev/null"))
# What the last run of the seven says is the largest; the median is the fourth.
COSTS = ("cpu_us", "cpu_percent", "kib", "ms", "p50_ms", "p99_ms", "messages", "grown_kib")


class FakeSite(Site):
    @contextmanager
    def serve(self, **_env: str) -> Iterator[Server]:  # type: ignore[override]
        yield SERVER

    def run(self, *arguments: str, **_env: str) -> str:
        if "benchmarks.doors" in arguments:
            return (
                f'{{"decode_us": {next(self.turns)}, "handshakes": {{}}, "frames": {{"ping": 0}}}}'
            )
        return "[" + ",".join(['"ticket"'] * connect.SOCKETS) + "]"


@contextmanager
def site(**_spec: Any) -> Iterator[FakeSite]:
    one = FakeSite(Path(), {}, ["token"])
    one.turns = count(1)  # type: ignore[attr-defined]
    yield one


def ran(module: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Outcome, list[dict[str, Any]]]:
    """What came of it, and the jobs that its load was given."""
    jobs: list[dict[str, Any]] = []

    def load(job: dict[str, Any], _told: Any) -> dict[str, Any]:
        jobs.append(job)
        sample: dict[str, Any] = dict.fromkeys(COSTS, float(len(jobs)))
        sample |= {"alone_p99_ms": 1.0, "beside_p99_ms": float(len(jobs)), "closed_after": 9.0}
        rounds = [{**sample, **dict.fromkeys(COSTS, 1.0 + turn)} for turn in range(RUNS)]
        return {"1": sample, "rounds": rounds, **sample}

    monkeypatch.setattr(module, "site", site)
    if hasattr(module, "load"):
        monkeypatch.setattr(module, "load", load)
    return module.run(Options(runs=RUNS), lambda _: None), jobs


@pytest.mark.parametrize("module", [members, idle, slow_reader])
def test_a_figure_is_the_median_of_all_the_runs(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome, jobs = ran(module, monkeypatch)

    assert len(jobs) == outcome.runs == RUNS
    medians = [one.measured for one in outcome.figures if one.measured.startswith("4 ")]
    assert medians


def test_thousands_of_sockets_are_kept_for_all_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, (job,) = ran(rooms, monkeypatch)

    assert job["rounds"] == outcome.runs == RUNS
    assert [one.measured for one in outcome.figures] == ["4 %", "4 ms"]


def test_each_credential_comes_in_as_often_as_there_are_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    outcome, jobs = ran(connect, monkeypatch)

    assert len(jobs) == 2 * RUNS
    assert outcome.runs == RUNS
    # In turn: those of the JWT are 1, 3, 5 …
    assert [one.measured for one in outcome.figures] == ["7 ms", "7 ms", "8 ms", "8 ms"]


@pytest.mark.parametrize("module", [connect, idle, rooms])
def test_a_p99_stands_beside_the_cost(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = ran(module, monkeypatch)

    costs = [one for one in outcome.figures if one.must]
    assert len([one for one in outcome.figures if one.what.startswith("p99 ")]) == len(costs)


def test_decoding_is_the_median_of_all_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome, _ = ran(doors, monkeypatch)

    assert outcome.runs == RUNS
    assert outcome.figures[0].measured == "4 µs"


def test_a_body_is_posted_to_a_fresh_server_in_each_run(monkeypatch: pytest.MonkeyPatch) -> None:
    grown = count(1)
    monkeypatch.setattr(body, "_post", lambda *_, **__: ("413", 1000 * next(grown)))
    outcome, _ = ran(body, monkeypatch)

    assert outcome.runs == RUNS
    assert [one.measured for one in outcome.figures] == ["413", "4 MB", "413", "11 MB"]


def test_one_answer_that_is_not_413_is_a_miss() -> None:
    answer, growth = body.judged("chunked", ["413", "none", "413"], [0.1, 0.2, 0.3])

    assert (answer.measured, answer.verdict) == ("413 or none", "MISS")
    assert growth.verdict == "pass"
