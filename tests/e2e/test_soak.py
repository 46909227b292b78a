"""Each fault of `manage.py soak` in its short form, and a site that does break its promises."""

import json
import os
import re
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command

from soak.faults import FAULTS
from soak.monitor import HEALTHY
from soak.runner import WAITED
from soak.verdict import SPARED_P99
from soak.workers import ROOT
from tests.e2e.conftest import Served

TIMEOUT = 300.0  # seconds for all of them, side by side
COMMON = ["--cool", "1", "--rate", "10", "--json"]
SMALL = ["--workers", "1", "--database", "sqlite", "--clients", "8", "--rooms", "2"]
LARGE = ["--workers", "3", "--clients", "12", "--rooms", "3"]

# What soak.broken does to a site, and the promises that it breaks.
BREAKS = {
    "garbled": "BC",
    "stays": "D",
    "leaks": "E",
    "slow": "F",
    "unwell": "G",
    "open-doors": "H",
}

# Breaches by being late alone, as tests/measured.py has it.
LATE = re.compile(r"p99 of those who were spared|/healthz: 200 after|who left (is|are) still there")
MORE_TRIES = 2

# Faults follow one another at one site, so that it starts once; what breaks is told by fault.
AT_SMALL = [
    "lock-database", "fill-disk", "half-open", "never-reads", "slow-readers", "connect-storm",
    "half-handshakes", "floods", "ban",
]  # fmt: skip
AT_LARGE = ["fill-disk", *(name for name in FAULTS if name not in AT_SMALL)]


class Soak:
    """The command, started when it is asked about, or before."""

    def __init__(self, options: list[str], faults: list[str], **environment: str) -> None:
        self._options, self._faults, self._environment = options, faults, environment
        self._process: subprocess.Popen[str] | None = None
        self._ended: Ended | None = None

    def again(self, *faults: str) -> "Soak":
        """Another of the same, with these faults or with all that this one has."""
        return Soak(self._options, list(faults) or self._faults, **self._environment)

    def started(self) -> "subprocess.Popen[str]":
        chosen = [word for fault in self._faults for word in ("--fault", fault)]
        self._process = self._process or subprocess.Popen(  # noqa: S603 - the command of this project
            [sys.executable, "manage.py", "soak", *self._options, *COMMON, *chosen],
            cwd=ROOT,
            env=os.environ | self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self._process

    def ended(self) -> "Ended":
        if self._ended is None:
            process = self.started()
            try:
                out, err = process.communicate(timeout=TIMEOUT)
            finally:
                self.end()
            assert out, err
            self._ended = Ended(process.returncode, json.loads(out), err)
        return self._ended

    def end(self) -> None:
        """As Ctrl-C would, so that it takes its servers with it."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(2)
            with suppress(subprocess.TimeoutExpired):
                self._process.communicate(timeout=60)


class Ended(NamedTuple):
    code: int
    verdict: dict[str, Any]
    told: str


@pytest.fixture(scope="module")
def soaks() -> Iterator[dict[str, Soak]]:
    running = {
        # Each fault for as long as it takes to have an effect.
        "large": Soak([*LARGE, "--seconds", "1", "--crowd", "30"], AT_LARGE),
        "small": Soak([*SMALL, "--seconds", "1", "--crowd", "30"], AT_SMALL),
        "false": Soak([*SMALL, "--seconds", "1"], [], SOAK_FAULT="false-ack"),
        "broken": Soak([*SMALL, "--seconds", "5"], [], SOAK_FAULT=",".join(BREAKS)),
    }
    for name in ("large", "small"):  # side by side; what is broken on purpose has its turn between
        running[name].started()
    try:
        yield running
    finally:
        for soak in running.values():
            soak.end()


@pytest.mark.parametrize("fault", AT_SMALL)
def test_one_worker_keeps_every_promise_through(fault: str, soaks: dict[str, Soak]) -> None:
    assert_kept_through(soaks["small"], fault)


def test_an_acknowledgement_without_a_message_is_found_and_ends_with_1(
    soaks: dict[str, Soak],
) -> None:
    ended = soaks["false"].ended()
    assert ended.code == 1
    assert ended.verdict["kept"] is False
    assert ended.verdict["broken"]["A"] == ended.verdict["figures"]["acknowledged"] > 0
    assert ended.verdict["figures"]["stored"] == 0


@pytest.mark.parametrize("promise", sorted(set("".join(BREAKS.values()))))
def test_a_site_that_breaks_a_promise_is_found_out(promise: str, soaks: dict[str, Soak]) -> None:
    ended = soaks["broken"].ended()
    assert ended.code == 1
    assert ended.verdict["broken"].get(promise), ended.verdict["breaches"]


@pytest.mark.parametrize("fault", AT_LARGE)
def test_three_workers_keep_every_promise_through(fault: str, soaks: dict[str, Soak]) -> None:
    assert_kept_through(soaks["large"], fault)


def assert_kept_through(soak: Soak, fault: str) -> None:
    def broken(verdict: dict[str, Any]) -> dict[str, int]:
        during = (
            verdict["during"].get(fault, {}) if verdict["faults"] != [fault] else verdict["broken"]
        )
        return but_for_the_machine(during, verdict)

    verdict = tried(soak, broken, lambda: soak.again(fault)).verdict
    if reason := verdict["skipped"].get(fault):
        pytest.skip(reason)
    effects = verdict["effects"].get(fault)
    assert effects, verdict["breaches"]
    assert all(effects.values()), effects
    assert broken(verdict) == {}, verdict["breaches"]


def tried(
    soak: Soak, broken: Callable[[dict[str, Any]], dict[str, int]], again: Callable[[], Soak]
) -> Ended:
    """The same as for tests: by being late alone it fails if it is so again and again."""
    ended = soak.ended()
    for _ in range(MORE_TRIES):
        verdict = ended.verdict
        told = [breach for name in broken(verdict) for breach in verdict["breaches"][name]]
        if told and all(map(LATE.search, told)):
            warnings.warn(f"soaked again: {told}", stacklevel=2)
            ended = again().ended()
    return ended


def but_for_the_machine(broken: dict[str, int], verdict: dict[str, Any]) -> dict[str, int]:
    """Without what would have been in time, had the workers had a core whenever they wanted one."""
    own = 1 - verdict["measured"].get(WAITED, 0.0)
    spared = verdict["figures"]["delivery p99 of those spared, at its slowest fault, s"] or 0.0
    health = verdict["measured"].get("slowest /healthz, s", 0.0)
    late = all("/healthz: 200" in breach for breach in verdict["breaches"].get("G", []))
    excused = {"F": spared * own < SPARED_P99, "G": late and health * own < HEALTHY}
    return {promise: count for promise, count in broken.items() if not excused.get(promise)}


@pytest.mark.parametrize("site", ["small", "large"])
def test_every_promise_is_kept_before_the_faults_and_after_them(
    site: str, soaks: dict[str, Soak]
) -> None:
    def broken(verdict: dict[str, Any]) -> dict[str, int]:
        faults = verdict["faults"]
        found = sum(
            (Counter(of) for name, of in verdict["during"].items() if name not in faults), Counter()
        )
        return but_for_the_machine(found, verdict)

    ended = tried(soaks[site], broken, soaks[site].again)
    assert broken(ended.verdict) == {}, ended.verdict["breaches"]
    assert ended.code == bool(ended.verdict["broken"])
    figures = ended.verdict["figures"]
    assert figures["sent"] == figures["acknowledged"] == figures["stored"] > 0
    assert (figures["lost"], figures["repeated"], figures["ghosts"]) == (0, 0, 0)


def test_ghosts_of_workers_that_died_are_waited_for(soaks: dict[str, Soak]) -> None:
    """Nobody takes down what they left: only its end in time."""
    figures = soaks["large"].ended().verdict["measured"]
    assert figures["somebody who was gone shown for, s"] > 5


def test_a_running_site_is_soaked_by_its_url_and_what_it_cannot_show_is_named(
    small: Served,
) -> None:
    soak = Soak(
        [
            *("--url", small.first.http, "--username", "staff"),
            *("--clients", "4", "--rooms", "2", "--seconds", "2", "--crowd", "10"),
        ],
        ["kill-worker", "same-client-id", "half-handshakes"],
        SOAK_PASSWORD="chatsite-demo",
    )
    ended = tried(soak, itemgetter("broken"), soak.again)
    assert ended.code == 2, ended.verdict["breaches"]
    assert ended.verdict["proves_nothing"] == ["kill-worker"]
    assert set(ended.verdict["unseen"]) >= {"E", "G"}
    assert ended.verdict["broken"] == {}, ended.verdict["breaches"]
    assert ended.verdict["faults"] == ["same-client-id", "half-handshakes"]
    assert ended.verdict["skipped"] == {"kill-worker": "the site is not the soak's own"}
    assert ended.verdict["figures"]["stored"] == ended.verdict["figures"]["acknowledged"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fault", "earthquake"], "no fault earthquake"),
        (["--rate", "0"], "--rate must be more than 0"),
        (["--rate", "nan"], "--rate must be more than 0"),
        (["--cool", "-1"], "--cool must be 0 or more"),
        (["--url", "http://127.0.0.1:9", "--workers", "2"], "--workers is of a site"),
        (["--url", "http://127.0.0.1:9", "--username", "ann"], "does not answer"),
        (["--url", "http://127.0.0.1:9"], "--url needs --username"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    options: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOAK_PASSWORD", "wrong")
    with pytest.raises(CommandError, match=said):
        call_command("soak", *options)


def test_a_site_that_lets_nobody_in_is_told_of_in_a_line(
    small: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOAK_PASSWORD", "wrong")
    with pytest.raises(CommandError, match="Nobody comes in: POST /api/token/: 401"):
        call_command("soak", "--url", small.first.http, "--username", "staff")
