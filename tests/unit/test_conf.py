"""The engine's settings: what a project names is taken, what makes no sense is refused."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured

from realtime.conf import Settings, read

ROOT = Path(__file__).parents[2]


def test_what_is_named_is_taken_and_the_rest_keeps_its_default(settings: Any) -> None:
    settings.REALTIME = {"HIGH_MARK": 2**19, "LINGER": 3, "RETURN_WITHIN": [1, 2]}
    found = read("REALTIME", Settings)
    assert (found.HIGH_MARK, found.LINGER, found.RETURN_WITHIN) == (2**19, 3.0, (1.0, 2.0))
    assert found.LOW_MARK == Settings().LOW_MARK


def test_without_the_setting_all_are_defaults(settings: Any) -> None:
    del settings.REALTIME
    assert read("REALTIME", Settings) == Settings()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"HIGH_MARKS": 1}, "HIGH_MARKS"),
        ({"HIGH_MARK": "much"}, "HIGH_MARK"),
        ({"HIGH_MARK": 0}, "HIGH_MARK"),
        ({"HIGH_MARK": 1024 * 1024 + 0.5}, "HIGH_MARK"),
        ({"HIGH_MARK": True}, "HIGH_MARK"),
        ({"HEADS_INTERVAL": 0}, "HEADS_INTERVAL"),
        ({"HEADS_INTERVAL": -1}, "HEADS_INTERVAL"),
        ({"HEADS_INTERVAL": float("inf")}, "HEADS_INTERVAL"),
        ({"HEADS_INTERVAL": float("nan")}, "HEADS_INTERVAL"),
        ({"HEADS_INTERVAL": None}, "HEADS_INTERVAL"),
        ({"MAX_SOCKETS": -1}, "MAX_SOCKETS"),
        ({"LOW_MARK": 512 * 1024}, "LOW_MARK"),
        ({"SILENCE": 10.0}, "SILENCE"),
        ({"LEASE": 5.0}, "LEASE"),
        ({"RETURN_WITHIN": [5, 1]}, "RETURN_WITHIN"),
        ({"RETURN_WITHIN": [5]}, "RETURN_WITHIN"),
        ([], "REALTIME"),
        (None, "REALTIME"),
    ],
    ids=str,
)
def test_nonsense_is_refused_with_its_name(settings: Any, given: Any, named: str) -> None:
    settings.REALTIME = given
    with pytest.raises(ImproperlyConfigured, match=named) as refused:
        read("REALTIME", Settings)
    assert "REALTIME" in str(refused.value)


def test_nonsense_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "hosts_settings.py").write_text(
        "from chatsite.settings import *\nREALTIME = {'HIGH_MARKS': 1}\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", "import django; django.setup()"],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": f"{tmp_path}:{ROOT}",
            "DJANGO_SETTINGS_MODULE": "hosts_settings",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode != 0
    assert "HIGH_MARKS" in started.stderr


def test_the_defaults_are_within_their_own_bounds() -> None:
    assert msgspec.convert(msgspec.to_builtins(Settings()), Settings) == Settings()
