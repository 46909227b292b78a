"""Nonsense in the environment stops the start, and the message names the variable."""

import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from chatsite import environment

ROOT = Path(__file__).parents[2]


def read(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is None:
        monkeypatch.delenv("THING", raising=False)
    else:
        monkeypatch.setenv("THING", value)


def refused(reader: Any, **options: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="THING"):
        reader("THING", **options)


@pytest.mark.parametrize(
    ("value", "result"), [(None, True), ("", True), ("on", True), (" OFF ", False), ("off", False)]
)
def test_a_switch_is_on_or_off(
    monkeypatch: pytest.MonkeyPatch, value: str | None, result: bool
) -> None:
    read(monkeypatch, value)
    assert environment.switch("THING", default=True) is result


@pytest.mark.parametrize("value", ["yes", "1", "true", "0", "onoff", "ön"])
def test_a_switch_is_nothing_else(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    read(monkeypatch, value)
    refused(environment.switch, default=True)


@pytest.mark.parametrize(
    ("value", "result"), [(None, 5), (" ", 5), ("0", 0), ("2.5", 2.5), (" 7 ", 7), ("1e3", 1000)]
)
def test_a_number_is_0_or_more(
    monkeypatch: pytest.MonkeyPatch, value: str | None, result: float
) -> None:
    read(monkeypatch, value)
    assert environment.number("THING", default=5) == result


@pytest.mark.parametrize("value", ["-1", "x", "nan", "inf", "1e999", "1,5", "0x10", "5/s"])
def test_a_number_is_nothing_else(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    read(monkeypatch, value)
    refused(environment.number, default=5)


@pytest.mark.parametrize(
    ("value", "result"),
    [(None, ["d"]), ("", ["d"]), (" , ", ["d"]), ("a", ["a"]), (" a ,b,, c ", ["a", "b", "c"])],
)
def test_a_list_is_cut_at_its_commas(
    monkeypatch: pytest.MonkeyPatch, value: str | None, result: list[str]
) -> None:
    read(monkeypatch, value)
    assert environment.strings("THING", default=["d"]) == result


def test_a_choice_is_one_of_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, result in [(None, "INFO"), ("", "INFO"), (" debug ", "DEBUG")]:
        read(monkeypatch, value)
        assert environment.choice("THING", options=("DEBUG", "INFO"), default="INFO") == result
    read(monkeypatch, "LOUD")
    refused(environment.choice, options=("DEBUG", "INFO"), default="INFO")


@pytest.mark.parametrize(
    ("value", "engine", "name"),
    [
        (None, "sqlite3", "/d.sqlite3"),
        ("sqlite:////tmp/x.sqlite3", "sqlite3", "/tmp/x.sqlite3"),  # noqa: S108 - nothing is written
        ("postgres://u:p%40ss@h:5433/d", "postgresql", "d"),
        ("postgresql://h/d", "postgresql", "d"),
    ],
)
def test_a_database_is_postgresql_or_sqlite(
    monkeypatch: pytest.MonkeyPatch, value: str | None, engine: str, name: str
) -> None:
    read(monkeypatch, value)
    config = environment.database("THING", default="sqlite:////d.sqlite3")
    assert (config["ENGINE"], config["NAME"]) == (f"django.db.backends.{engine}", name)


@pytest.mark.parametrize(
    "value",
    [
        *("x", "mysql://u:p@h/d", "postgres://h:port/d", "http://h/d"),
        *(
            "postgres://h/d?sslmod=require",
            "postgres://h/d?sslmode=banana",
            "postgres://h/d?pool=1",
        ),
        *("postgres://h/d?connect_timeout=soon", "sqlite:////x?mode=ro", "sqlite:////x?timeout=x"),
    ],
)
def test_a_database_is_nothing_else(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    read(monkeypatch, value)
    refused(environment.database, default="sqlite:////d.sqlite3")


def test_the_development_key_is_made_once_and_is_its_owners_only(tmp_path: Path) -> None:
    path = tmp_path / "state" / "key"
    key = environment.kept_secret(path)
    assert len(key) >= 50
    assert environment.kept_secret(path) == key
    assert path.stat().st_mode & 0o777 == 0o600


def start(**variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_any_variable_the_site_starts() -> None:
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "yes"),
        ("DATABASE_URL", "mysql://h/d"),
        ("CSRF_TRUSTED_ORIGINS", "chat.example"),
        ("TRUSTED_PROXIES", "1.5"),
        ("LIMIT_FRAMES_PER_SECOND", "fast"),
        ("LIMIT_SOCKETS_PER_USER", "1.5"),
        ("LIMIT_GUESTS_PER_MINUTE", "-1"),
        ("REDIS_URL", "banana"),
        ("REDIS_URL", "redis+sentinel://h"),
        ("STATE_DIR", "var"),
        ("STATE_DIR", "/dev/null/var"),
        ("STATIC_ROOT", "static"),
        ("EMAIL_URL", "banana"),
    ],
)
def test_a_value_that_cannot_be_read_stops_the_start_with_its_name(name: str, value: str) -> None:
    started = start(**{name: value})
    assert started.returncode != 0
    message = [line for line in started.stderr.splitlines() if not line.startswith(" ")]
    assert name in " ".join(message)  # and not only in a line of the traceback


def test_with_debug_off_a_key_is_needed() -> None:
    started = start(DEBUG="off")
    assert started.returncode != 0
    assert "SECRET_KEY" in started.stderr


@pytest.mark.parametrize(
    "key",
    ["", "x", "secret", "changeme" * 3, "a" * 60, "abab" * 20, f"django-insecure-{'x1y2z3' * 9}"],
)
def test_with_debug_off_a_key_that_could_be_guessed_stops_the_start(key: str) -> None:
    started = start(DEBUG="off", SECRET_KEY=key)
    assert started.returncode != 0
    assert "SECRET_KEY" in started.stderr
    assert not key or f"'{key}'" not in started.stderr


@pytest.mark.parametrize(
    ("descriptors", "sockets"),
    [(1024, 922), (65_536, 58_983), (256, 156), (50, 1), (resource.RLIM_INFINITY, 0)],
)
def test_a_process_has_as_many_sockets_as_leave_files_for_all_else(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, sockets: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert environment.most_sockets() == sockets
