"""The figures are judged by what the soaks measured, and a missed one ends the command with 1."""

import math
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from rich.console import Console

from soak import figures
from soak.figures import FIGURES, PLANS, measure
from soak.plan import Plan
from soak.verdict import Verdict

MEASURED = {
    "5000 sockets back after a kill, s": 20.0,
    "log reads for each who came back": 1.0,
    "statements for each who came back": 3.0,
    "blackout p99 in a rolling restart, s": 1.0,
    "revocation to close p99, s": 0.1,
    "CPU of the workers per delivery, µs": 10.0,
}


def verdict(**changed: Any) -> Verdict:
    good: dict[str, Any] = {
        "seed": 1,
        "faults": [],
        "measured": MEASURED,
        "figures": {"acknowledged": figures.MESSAGES},
        "effects": {"kill-worker": {"workers that died": figures.KILLS}},
    }
    return Verdict(**good | changed)


async def measured(monkeypatch: pytest.MonkeyPatch, found: Verdict) -> tuple[bool, str]:
    async def hold(plan: Plan, *_: Any) -> Verdict:
        assert plan in PLANS.values()
        return found

    monkeypatch.setattr(figures, "hold", hold)
    console = Console(record=True, width=120, file=StringIO())
    return await measure(console), console.export_text()


async def test_all_are_measured_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, text = await measured(monkeypatch, verdict())
    assert kept
    assert all(figure.name in text for figure in FIGURES)


@pytest.mark.parametrize(
    "found",
    [
        verdict(figures={"acknowledged": figures.MESSAGES - 1}),
        verdict(effects={"kill-worker": {"workers that died": figures.KILLS - 1}}),
        verdict(broken={"C": 1}),
        verdict(measured=MEASURED | {"revocation to close p99, s": 1.1}),
        verdict(measured={**MEASURED, "statements for each who came back": math.nan}),
        verdict(measured={k: v for k, v in MEASURED.items() if not k.startswith("statements")}),
    ],
    ids=[
        *("too few messages", "too few kills", "a number twice", "too slow"),
        *("no number", "not measured"),
    ],
)
async def test_one_that_is_missed_is_not_made_up_by_the_others(
    found: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _ = await measured(monkeypatch, found)
    assert not kept


@pytest.mark.parametrize("kept", [True, False])
def test_the_command_measures_them_and_ends_with_1_if_one_is_missed(
    kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def measure(_: Console) -> bool:
        return kept

    monkeypatch.setattr(figures, "measure", measure)
    if kept:
        call_command("soak", "--figures")
    else:
        with pytest.raises(SystemExit) as ended:
            call_command("soak", "--figures")
        assert ended.value.code == 1
