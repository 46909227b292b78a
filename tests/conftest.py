from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.conf import settings
from django.core.management.commands import flush
from django.db import connection
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis

from chat.unread import unread_board
from ops import consumers as ops
from realtime import (
    coalescer,
    hub,
    limits,
    link,
    places,
    presence,
    redis,
    reports,
    sweep,
    tasks,
    testing,
)
from realtime.testing import end_engine
from tests.cast import Cast, make_cast
from tests.halves import Halves, give_way
from topics import backend as topics

MIGRATED = {"django_content_type", "auth_permission"}
LIMITS = [name for name in dir(settings) if name.startswith("LIMIT_")]
LONG = 60.0  # seconds; longer than any test waits


def pytest_configure() -> None:
    """Fast where it proves nothing to be slow: hashing passwords, syncing the disk.

    Without limits, but in the tests that set them: one address and a few people are a crowd here.
    """
    for name in LIMITS:
        setattr(settings, name, 0)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"
    else:
        database["OPTIONS"]["pool"]["timeout"] = LONG
    connection.ops.sql_flush = deletions  # type: ignore[method-assign]
    flush.emit_post_migrate_signal = lambda *_, **__: None
    tasks.PATIENCE = 0.05
    testing.TIMEOUT = 30.0
    hypothesis.register_profile(
        "chatsite", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    hypothesis.load_profile("chatsite")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Halves:
    return Halves(config, log)


def pytest_runtest_setup(item: pytest.Item) -> None:
    give_way(item)


def pytest_report_header() -> str:
    return f"chatsite: {connection.vendor}, {type(get_channel_layer()).__name__}"


def deletions(_style: Any, tables: Iterable[str], **_options: Any) -> list[str]:
    """A few rows are deleted sooner than fifty tables are truncated. What migrations left, no test
    changes, and making it anew takes most of the time of Django's own flush.
    """
    names = [connection.ops.quote_name(table) for table in tables if table not in MIGRATED]
    return [f"DELETE FROM {name};" for name in names]  # noqa: S608 - of our own tables


@pytest.fixture(autouse=True)
async def engine(_django_db_marker: None) -> AsyncIterator[None]:
    """Every test has an engine of its own, ended before its database is emptied."""
    yield
    for board in unread_board.all():
        await board.close()
    await end_engine()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a loaded machine this process stands still for seconds, and to itself Redis, the layer
    and the store of topics look as if they were away. Nor does a group rest after a flush that
    took long: what was sent to it before a ping comes before the pong.
    """
    for where in (limits, places, presence, reports):
        monkeypatch.setattr(where, "STORE_TIMEOUT", LONG)
    monkeypatch.setattr(redis, "SOCKET_TIMEOUT", LONG)
    monkeypatch.setattr(link, "BEAT_LATE", LONG)
    monkeypatch.setattr(link, "BEAT_TOLERANCE", LONG)
    monkeypatch.setattr(topics, "PATIENCE", LONG)
    monkeypatch.setattr(ops, "FIND_TIMEOUT", LONG)
    monkeypatch.setattr(coalescer, "LONGEST_DELAY", 0.0)


@pytest.fixture
def by_hint_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heads of logs are compared when there is a reason, and not by the clock."""
    monkeypatch.setattr(hub, "HEADS_INTERVAL", LONG)
    monkeypatch.setattr(hub, "HEADS_INTERVAL_WITHOUT_LAYER", LONG)


@pytest.fixture
def by_word_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets are looked at when there is word of something, and not by the clock."""
    monkeypatch.setattr(sweep, "TICK", LONG)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Owner, member, guest, stranger, staff, and the rooms they meet in."""
    return make_cast()
