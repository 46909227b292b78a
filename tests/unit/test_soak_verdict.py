"""A verdict is read by people and by machines, and says the same to both."""

import json
import math
from io import StringIO

import pytest
from rich.console import Console

from soak.ledger import Ledger, Post
from soak.verdict import Verdict, judged


def shown(verdict: Verdict) -> str:
    console = Console(record=True, width=120, file=StringIO())
    console.print(verdict.table())
    return console.export_text()


def verdict_of(ledger: Ledger) -> Verdict:
    figures = judged(ledger, stored=0, ghosts=0, memory={})
    verdict = Verdict.of(ledger, seed=1, faults=["ban"], figures=figures, unseen={"E": "memory"})
    verdict.skipped = {"cut-off": "no netns can be made here"}
    return verdict


def test_what_is_kept_is_told_so_and_what_was_left_out_is_named() -> None:
    verdict = verdict_of(Ledger())
    assert verdict.as_json()["kept"] is True
    assert "left out: cut-off, for no netns can be made here" in shown(verdict)


@pytest.fixture(autouse=True)
def moving(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process never stands still."""
    monkeypatch.setattr("soak.ledger.STALL", math.inf)


def test_each_breach_is_counted_told_by_its_fault_and_spoils_the_verdict() -> None:
    ledger = Ledger()
    ledger.during = "ban"
    for number in range(30):
        ledger.breach("H", f"breach {number} of [/a]")
    verdict = verdict_of(ledger)
    assert json.loads(json.dumps(verdict.as_json()))["kept"] is False
    text = shown(verdict)
    assert "broken 30 times" in text
    assert "during ban: breach 0" in text
    assert ledger.broken_during["ban"] == {"H": 30}


def test_those_who_are_spared_and_wait_are_a_breach() -> None:
    ledger = Ledger()
    for number in range(200):
        ledger.posts[str(number)] = post = Post("room", str(number), "", 0, calm=True)
        post.sent_at -= 0.6 if number % 10 == 0 else 0.0
        ledger.delivered(str(number), there_since=0.0, calm_since=0.0)
    assert verdict_of(ledger).broken == {"F": 1}


def test_those_whom_the_fault_touches_may_wait() -> None:
    ledger = Ledger()
    for number in range(200):
        ledger.posts[str(number)] = post = Post("room", str(number), "", 0, calm=False)
        post.sent_at -= 5.0
        ledger.delivered(str(number), there_since=0.0, calm_since=0.0)
    assert verdict_of(ledger).kept


def test_those_who_wait_during_one_fault_are_not_hidden_by_all_the_others() -> None:
    ledger = Ledger()
    for number in range(5000):
        during = "ban" if number % 25 == 0 else "the load"
        post = Post("room", str(number), "", 0, calm=True, during=during)
        ledger.posts[str(number)] = post
        post.sent_at -= 0.6 if during == "ban" else 0.0
        ledger.delivered(str(number), there_since=0.0, calm_since=0.0)
    assert verdict_of(ledger).broken == {"F": 1}
    assert "during ban" in ledger.breaches["F"][0]
    assert ledger.broken_during == {"ban": {"F": 1}}


def test_a_fault_without_effect_is_named_and_so_is_what_was_not_looked_at() -> None:
    ledger = Ledger()
    ledger.effects["ban"] = {"people put out": 0}
    verdict = verdict_of(ledger)
    assert (verdict.kept, verdict.code) == (False, 2)
    assert "without effect: no people put out" in shown(verdict)
    assert "not looked at: memory" in shown(verdict)
    assert "not looked at: no delivery was spared" in shown(verdict)


def test_a_fault_that_was_asked_for_by_name_and_left_out_is_no_success() -> None:
    verdict = verdict_of(Ledger())
    assert verdict.code == 0
    verdict.wanted = ["cut-off"]
    assert (verdict.kept, verdict.code) == (False, 2)
