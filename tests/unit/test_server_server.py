import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import daphne.server
import pytest
from daphne.server import Server as DaphneServer
from structlog.testing import capture_logs
from twisted.logger import Logger
from twisted.python.failure import Failure

from realtime.server import server as module
from realtime.server.server import LOOK_INTERVAL, LOOKS, Server


def test_what_a_protocol_raises_is_logged() -> None:
    Server(None, endpoints=["unused"])
    with capture_logs() as logs:
        Logger().failure("Unhandled Error", failure=Failure(ValueError("in dataReceived")))
    ((_, error, _),) = [entry["exc_info"] for entry in logs]
    assert (logs[0]["log_level"], str(error)) == ("error", "in dataReceived")


class Connection:
    def __init__(self, looked_at: "Counter[Connection]") -> None:
        self.looked_at = looked_at

    def check_timeouts(self) -> None:
        self.looked_at[self] += 1


class Reactor:
    """What is to be called later is called by the test."""

    def __init__(self) -> None:
        self.now = 0.0

    def callLater(self, delay: float, _: Any) -> None:  # noqa: N802 - Twisted's name
        self.now += delay

    def seconds(self) -> float:
        return self.now


def test_a_round_of_looks_takes_all_connections_once_and_few_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "reactor", reactor := Reactor())
    server = Server(None, endpoints=["unused"])
    looked_at: Counter[Connection] = Counter()
    server.connections = {Connection(looked_at): {} for _ in range(3 * LOOKS + 1)}
    most = 0
    for _ in range(LOOKS):
        before = looked_at.total()
        server.timeout_checker()
        most = max(most, looked_at.total() - before)
    assert looked_at == dict.fromkeys(server.connections, 1)
    assert most == 4
    assert reactor.now == pytest.approx(2)


def test_a_loop_that_turns_slowly_looks_at_more_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reactor", reactor := Reactor())
    server = Server(None, endpoints=["unused"])
    looked_at: Counter[Connection] = Counter()
    server.connections = {Connection(looked_at): {} for _ in range(LOOKS)}
    for _ in range(4):
        server.timeout_checker()
        reactor.now += 10 * LOOK_INTERVAL - LOOK_INTERVAL
    server.timeout_checker()
    assert looked_at.keys() == server.connections.keys()


def test_what_was_closed_during_a_round_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "reactor", Reactor())
    server = Server(None, endpoints=["unused"])
    looked_at: Counter[Connection] = Counter()
    server.connections = {Connection(looked_at): {} for _ in range(LOOKS)}
    server.timeout_checker()
    server.connections.clear()
    for _ in range(LOOKS - 1):
        server.timeout_checker()
    assert looked_at.total() == 1


def test_who_waits_to_be_let_in_is_not_dropped_while_a_crowd_is_let_in() -> None:
    server = Server(None, endpoints=["unused"], websocket_connect_timeout=20)
    assert server.websocket_handshake_timeout == server.websocket_connect_timeout == 60


# --- connections that are over ---


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(daphne.server, "reactor", Reactor())
    return Server(None, endpoints=["unused"])


class Answering:
    """A connection as the server's checks see it."""

    def __init__(self, on_failure: Callable[[Exception], None] = lambda error: None) -> None:
        self.handle_exception = on_failure


def connect(server: Server, connection: Answering, application: Coroutine[Any, Any, Any]) -> None:
    server.application = lambda **_: application
    server.protocol_connected(connection)
    server.create_application(connection, {"type": "http"})


async def ended(error: Exception | None = None) -> None:
    if error is not None:
        raise error


async def turn() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_connection_is_forgotten_when_it_and_its_application_are_over(
    server: Server,
) -> None:
    going_on = asyncio.Event()
    stays, closed, left, done = Answering(), Answering(), Answering(), Answering()
    connect(server, stays, going_on.wait())
    connect(server, closed, ended())
    connect(server, left, going_on.wait())
    connect(server, done, ended())
    await turn()
    server.protocol_disconnected(closed)
    server.protocol_disconnected(left)
    server.application_checker()
    assert set(server.connections) == {stays, left, done}
    server.protocol_disconnected(done)
    server.application_checker()
    assert set(server.connections) == {stays, left}
    going_on.set()
    await turn()
    server.application_checker()
    assert set(server.connections) == {stays}


async def test_a_connection_that_ends_after_it_was_refused_and_forgotten_is_let_go(
    server: Server,
) -> None:
    refused = Answering()
    connect(server, refused, ended())
    await turn()
    server.protocol_disconnected(refused)
    server.application_checker()
    server.protocol_disconnected(refused)
    assert refused not in server.connections


async def test_only_what_is_over_is_looked_at(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[int] = []
    check = DaphneServer.application_checker

    def watched(self: Server) -> None:
        shown.append(len(self.connections))
        check(self)

    monkeypatch.setattr(DaphneServer, "application_checker", watched)
    going_on = asyncio.Event()
    for _ in range(10):
        connect(server, Answering(), going_on.wait())
    connect(server, Answering(), ended())
    await turn()
    server.application_checker()
    server.application_checker()
    assert shown == [1, 0]
    assert len(server.connections) == 11
    going_on.set()
    await turn()


async def test_a_request_that_begins_with_the_failure_of_another_is_kept(server: Server) -> None:
    """Twisted begins the one that waited as soon as the answer to the first is out."""
    waited, other = Answering(), Answering()
    going_on = asyncio.Event()
    connect(server, other, going_on.wait())

    def fail(_: Exception) -> None:
        server.protocol_connected(waited)

    failing = Answering(fail)
    connect(server, failing, ended(OSError("disk full")))
    await turn()
    server.application_checker()
    assert set(server.connections) == {other, failing, waited}
    going_on.set()
    await turn()
