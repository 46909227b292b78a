"""What the tests start beside themselves."""

from pathlib import Path

import psycopg
import pytest

from soak.services import PostgresServer, RedisServer, eventually, running
from tests.e2e.redis_kinds import Replica


def test_a_redis_leaves_nothing_where_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, theirs = tmp_path / "here", tmp_path / "theirs"
    here.mkdir()
    theirs.mkdir()
    monkeypatch.chdir(here)
    first = RedisServer(theirs)
    second = Replica(theirs, of=first)

    with running(first, second):
        eventually(lambda: second.follows, within=60, what="the replica to follow")

    assert list(here.iterdir()) == []


def test_statements_are_counted_for_each_database_and_transactions_are_none(
    tmp_path: Path,
) -> None:
    server = PostgresServer(tmp_path, durable=False)
    try:
        with running(server):
            url, _ = server.create_database("one"), server.create_database("other")
            with psycopg.connect(url) as connection, connection.transaction():
                for number in range(5):
                    connection.execute("SELECT %s", (number,))
            assert server.statements("one") == 5
            assert server.statements("other") == 0
    finally:
        server.remove()
