"""The connection that gives up on a PostgreSQL that says nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from realtime import postgresql
from realtime.postgresql import Connection


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sslmode": "verify-full", "sslrootcert": "/etc/ca.crt"},
        {"connect_timeout": 10, "options": "-c search_path=chat", "application_name": "chat"},
        {"target_session_attrs": "read-write", "host": "/var/run/postgresql"},
    ],
    ids=str,
)
def test_what_libpq_knows_is_taken(options: dict[str, Any]) -> None:
    postgresql.check(options)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"sslmod": "require"}, "sslmod"),
        ({"pool": "true"}, "pool"),
        ({"sslmode": "banana"}, "sslmode"),
        ({"target_session_attrs": "any-old"}, "target_session_attrs"),
        ({"connect_timeout": "soon"}, "connect_timeout"),
        ({"tcp_user_timeout": "1s"}, "tcp_user_timeout"),
    ],
    ids=str,
)
def test_what_libpq_does_not_know_is_refused_with_its_name(
    options: dict[str, Any], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        postgresql.check(options)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What psycopg is asked to connect with."""
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(
        psycopg.Connection, "connect", classmethod(lambda _, conninfo, **given: found.append(given))
    )
    return found


def test_a_process_that_serves_has_the_server_end_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(Connection, "serving", False)
    postgresql.serve()
    Connection.connect("")
    (given,) = asked
    for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        assert f"-c {name}=" in given["options"]


def test_the_sites_own_options_come_last_and_so_win(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(Connection, "serving", True)
    Connection.connect("", options="-c lock_timeout=9s")
    assert asked[0]["options"].endswith(" -c lock_timeout=9s")


def test_a_command_may_take_its_time(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(Connection, "serving", False)
    Connection.connect("", options="-c search_path=x")
    Connection.connect("")
    assert asked == [{"options": "-c search_path=x"}, {}]


def test_the_server_gives_up_before_the_client_and_both_within_seconds() -> None:
    assert postgresql.LOCK_TIMEOUT < postgresql.STATEMENT_TIMEOUT < postgresql.SILENCE
    assert postgresql.SILENCE + postgresql.POOL_TIMEOUT < 7


# What PostgreSQL says to whoever connects: come in, and ask.
READY = b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I"


@pytest.fixture
def mute() -> Iterator[int]:
    """The port of a server that lets one in, and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        over = threading.Event()

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1024)
                peer.sendall(READY)
                over.wait(60)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        over.set()
        thread.join()


def test_a_server_that_says_nothing_is_given_up_and_the_connection_with_it(
    monkeypatch: pytest.MonkeyPatch, mute: int
) -> None:
    monkeypatch.setattr(Connection, "serving", True)
    monkeypatch.setattr(postgresql, "SILENCE", 0.3)
    url = f"postgresql://x@127.0.0.1:{mute}/x?sslmode=disable&gssencmode=disable"
    with Connection.connect(url, autocommit=True) as connection:
        begun = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        assert 0.3 <= time.monotonic() - begun < 30  # the server would hold on for a minute
        assert connection.closed
