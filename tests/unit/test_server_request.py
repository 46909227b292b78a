"""A connection of HTTP is not kept open by a byte now and then."""

from typing import Any
from unittest.mock import Mock

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from realtime.server import request as module
from realtime.server.request import EARNING, IDLE_SECONDS, REQUEST_SECONDS, Request, RequestFactory

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"


class Plain(Request):
    """What arrived whole is noted, and answered when the test says so."""

    seen: list[Any]

    def __init__(self, channel: Any, queued: Any = None) -> None:
        super(module.WebRequest, self).__init__(channel)
        self.application_queue = None
        self.client_addr = None

    def process(self) -> None:
        self.seen.append(self)

    def answer(self) -> None:
        super(module.WebRequest, self).finish()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        pass


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def channel(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(Plain, "seen", [], raising=False)
    monkeypatch.setattr(module, "Request", Plain)
    factory = RequestFactory(None)
    factory.reactor = clock
    channel = factory.buildProtocol(None)
    channel.makeConnection(StringTransport())
    return channel


def is_open(channel: Any) -> bool:
    return not channel.transport.disconnecting


def drip(channel: Any, clock: Clock, data: bytes) -> None:
    """A byte a second, until the server has had enough."""
    for at in range(len(data)):
        if not is_open(channel):
            return
        channel.dataReceived(data[at : at + 1])
        clock.advance(1)


def test_headers_that_drip_in_end_the_connection_in_time(channel: Any, clock: Clock) -> None:
    drip(channel, clock, GET)
    assert not is_open(channel)
    assert clock.seconds() == REQUEST_SECONDS
    assert not Plain.seen


def test_a_body_that_drips_in_ends_the_connection_in_time(channel: Any, clock: Clock) -> None:
    channel.dataReceived(POST)
    drip(channel, clock, b"x" * 100)
    assert not is_open(channel)
    assert clock.seconds() == REQUEST_SECONDS


def test_who_says_nothing_at_all_is_not_waited_for(channel: Any, clock: Clock) -> None:
    clock.advance(REQUEST_SECONDS)
    assert not is_open(channel)


def test_a_large_body_may_take_longer_if_it_goes_on(channel: Any, clock: Clock) -> None:
    channel.dataReceived(POST)
    for _ in range(3):
        clock.advance(REQUEST_SECONDS - 1)
        channel.dataReceived(b"x" * EARNING)
    assert is_open(channel)
    clock.advance(REQUEST_SECONDS)
    assert not is_open(channel)


def test_an_answer_may_take_its_time(channel: Any, clock: Clock) -> None:
    channel.dataReceived(GET)
    clock.advance(10 * IDLE_SECONDS)
    assert is_open(channel)
    Plain.seen[0].answer()
    assert is_open(channel)


def test_a_connection_that_is_kept_waits_longer_for_the_next_request_and_not_within_it(
    channel: Any, clock: Clock
) -> None:
    for number in range(3):
        channel.dataReceived(GET)
        Plain.seen[number].answer()
        clock.advance(IDLE_SECONDS - 1)
    assert is_open(channel)
    begun = clock.seconds()
    drip(channel, clock, GET)
    assert not is_open(channel)
    assert clock.seconds() == begun + REQUEST_SECONDS


def test_an_answer_that_fails_once_it_has_begun_is_broken_off(channel: Any) -> None:
    channel.dataReceived(GET)
    (request,) = Plain.seen
    request._response_started = True
    request.handle_exception(ValueError("in the middle of a stream"))
    assert channel.transport.disconnecting
    assert channel.transport.value() == b""
    request.channel = None  # the client was faster
    request.handle_exception(ValueError("in the middle of a stream"))


UPGRADE = b"GET /ws/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class Handshake:
    """A channel that has been sent the beginning of one, and its turn."""

    def __init__(self, clock: Clock, *data: bytes) -> None:
        self.server = Mock(proxy_forwarded_address_header=None)
        factory = RequestFactory(self.server)
        factory.reactor = clock
        self.channel = factory.buildProtocol(None)
        self.channel.makeConnection(StringTransport())
        for piece in data:
            self.channel.dataReceived(piece)

    def take_turn(self) -> None:
        ((begin,),) = [call.args for call in self.server.handshakes.put.call_args_list]
        begin()

    @property
    def is_read(self) -> bool:
        """A request is made of its first line."""
        return bool(self.server.protocol_connected.called)

    @property
    def is_begun(self) -> bool:
        return bool(self.server.ws_factory.buildProtocol.called)


@pytest.mark.parametrize("gone", [False, True])
def test_a_socket_is_begun_in_its_turn_unless_the_client_has_gone(gone: bool, clock: Clock) -> None:
    one = Handshake(clock, UPGRADE)
    assert not one.is_read
    if gone:
        one.channel.connectionLost(Failure(ConnectionDone()))
    one.take_turn()
    assert one.is_begun is not gone


@pytest.mark.parametrize("at", [1, 10, 30, len(UPGRADE) - 1])
def test_a_handshake_that_comes_in_pieces_is_begun_in_its_turn(at: int, clock: Clock) -> None:
    one = Handshake(clock, UPGRADE[:at], UPGRADE[at:])
    assert not one.is_begun
    one.take_turn()
    assert one.is_begun


def test_a_handshake_waits_for_its_turn_as_long_as_that_takes(clock: Clock) -> None:
    one = Handshake(clock, UPGRADE)
    clock.advance(10 * REQUEST_SECONDS)
    assert is_open(one.channel)
    one.take_turn()
    assert one.is_begun


def test_a_handshake_that_is_not_whole_in_its_turn_has_to_come_in_time(clock: Clock) -> None:
    one = Handshake(clock, UPGRADE[:-2])
    one.take_turn()
    assert one.is_read
    assert not one.is_begun
    clock.advance(REQUEST_SECONDS)
    assert not is_open(one.channel)


def test_what_looks_like_a_handshake_within_a_body_buys_no_time(channel: Any, clock: Clock) -> None:
    channel.dataReceived(POST)
    for _ in range(3):
        clock.advance(REQUEST_SECONDS - 1)
        channel.dataReceived(b"GET \nupgrade:")
    assert not is_open(channel)


def test_a_handshake_behind_a_request_that_is_not_answered_keeps_its_place(
    channel: Any, clock: Clock
) -> None:
    channel.factory.server = Mock()
    channel.dataReceived(GET)
    channel.dataReceived(GET)
    channel.dataReceived(UPGRADE)
    for number in range(2):
        clock.advance(10 * REQUEST_SECONDS)
        Plain.seen[number].answer()
        channel.factory.server.handshakes.put.call_args.args[0]()
    assert is_open(channel)
    assert [request.uri for request in Plain.seen] == [b"/healthz", b"/healthz", b"/ws/"]


def test_a_handshake_that_cannot_be_read_ends_its_connection(clock: Clock) -> None:
    too_many_digits = b"Content-Length: " + b"1" * 5000
    one = Handshake(clock, UPGRADE.replace(b"Host: x", too_many_digits))
    with pytest.raises(ValueError, match="4300"):
        one.take_turn()
    assert not is_open(one.channel)
    assert not one.channel.has_its_turn


def test_who_goes_on_before_the_answer_is_not_read_from_until_the_turn(clock: Clock) -> None:
    one = Handshake(clock, UPGRADE)
    assert one.channel.transport.producerState == "producing"
    one.channel.dataReceived(b"more")
    assert one.channel.transport.producerState == "paused"
    assert not one.is_read
    one.take_turn()
    assert one.channel.transport.producerState == "producing"
    assert one.is_begun


def test_no_more_is_kept_of_a_handshake_that_waits_than_headers_may_be(clock: Clock) -> None:
    long = UPGRADE[:-2] + b"X: " + b"x" * 50_000 + b"\r\n\r\n"
    refused = Handshake(clock, long)
    assert not is_open(refused.channel)
    refused.server.handshakes.put.assert_not_called()
    goes_on = Handshake(clock, UPGRADE, b"x" * 50_000)
    assert goes_on.is_begun
    assert goes_on.channel.transport.producerState == "producing"
    goes_on.take_turn()  # which is over
