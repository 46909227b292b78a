"""The WebSocket protocol and a peer's silence, without a network."""

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from realtime.server import protocol as module
from realtime.server.liveness import DROP, SILENCE, Liveness
from realtime.server.protocol import PING, DaphneProtocol, InboundQueue, WebSocketProtocol
from tests.unit.test_liveness import Clock


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.aborted = False
        self.paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.aborted = True

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.paused = True

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        self.paused = False


class Protocol(WebSocketProtocol):
    """Open, and noting what it is made to do."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.state = self.STATE_OPEN
        self.data, self.current_frame, self.inside_message = b"", None, False
        self.transport = Transport()
        self.liveness = Liveness(clock)
        self.application_queue = InboundQueue(self.transport)
        self.closes: list[int] = []

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 - daphne's name
        self.closes.append(code or 0)
        self.state = self.STATE_CLOSING


class Later:
    """The reactor's `callLater`, called by the test."""

    def __init__(self) -> None:
        self.calls: list[tuple[float, Any]] = []
        self.cancelled = False

    def callLater(self, delay: float, call: Any) -> "Later":  # noqa: N802 - Twisted's name
        self.calls.append((delay, call))
        return self

    def active(self) -> bool:
        return not self.cancelled

    def cancel(self) -> None:
        self.cancelled = True


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Later:
    later = Later()
    monkeypatch.setattr(module, "reactor", later)
    return later


def pass_time(protocol: Protocol, clock: Clock, seconds: int) -> None:
    for _ in range(seconds // 2):
        clock.now += 2
        protocol.check_timeouts()


def test_a_silent_peer_is_told_closed_with_4408_and_dropped_soon(
    clock: Clock, later: Later
) -> None:
    protocol = Protocol(clock)
    pass_time(protocol, clock, 18)
    assert (protocol.transport.written, protocol.closes) == (PING, [])
    pass_time(protocol, clock, 10)
    closing = protocol.transport.written.removeprefix(PING)
    assert msgspec.json.decode(closing[2:]) == {"type": "closing", "code": 4408, "retry_after": 2.0}
    assert protocol.closes == [4408]
    ((delay, drop),) = later.calls
    assert delay == DROP - SILENCE
    drop()
    assert protocol.transport.aborted


def test_a_peer_that_answers_the_close_is_not_dropped(clock: Clock, later: Later) -> None:
    protocol = Protocol(clock)
    protocol.server = SimpleNamespace(
        protocol_disconnected=lambda _: None, log_action=lambda *_: None
    )
    protocol.client_addr, protocol.request, protocol.path = None, SimpleNamespace(path="/"), b"/"
    pass_time(protocol, clock, 20)
    protocol.onClose(True, 4408, None)
    assert later.cancelled


@pytest.mark.parametrize("sign", ["onPong", "onPing"])
def test_pongs_and_pings_are_signs_of_life(clock: Clock, later: Later, sign: str) -> None:
    protocol = Protocol(clock)
    protocol.sendPong = lambda _: None
    for _ in range(5):
        pass_time(protocol, clock, 16)
        getattr(protocol, sign)(b"")
    assert protocol.closes == []


def test_the_answer_to_a_ping_is_taken_by_a_short_way_and_others_are_counted(
    clock: Clock, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[bytes] = []
    monkeypatch.setattr(DaphneProtocol, "dataReceived", lambda _, data: counted.append(data))
    protocol = Protocol(clock)
    pong = b"\x8a\x80mask"
    clock.now += 2
    protocol.dataReceived(pong)  # nobody asked
    pass_time(protocol, clock, 12)
    protocol.dataReceived(pong)
    assert protocol.liveness.silence == 0
    protocol.dataReceived(pong)
    pass_time(protocol, clock, 12)
    protocol.dataReceived(pong[:3])
    protocol.dataReceived(pong + pong)
    assert counted == [pong, pong, pong[:3], pong, pong]


@pytest.mark.parametrize("binary", [True, False])
def test_frames_are_signs_of_life_by_either_way_in(
    clock: Clock, later: Later, binary: bool
) -> None:
    protocol = Protocol(clock)
    protocol.client_addr = None
    for _ in range(5):
        pass_time(protocol, clock, 16)
        protocol.onMessage(b"hi", binary)
        pass_time(protocol, clock, 16)
        protocol.dataReceived(b"\x81\x82\0\0\0\0hi")
    assert protocol.closes == []
    assert len(protocol.application_queue) == 10


async def test_a_peer_that_is_not_read_from_is_not_called_silent(
    clock: Clock, later: Later
) -> None:
    protocol = Protocol(clock)
    for _ in range(module.INBOUND_LIMIT):
        protocol.application_queue.put_nowait({})
    assert protocol.transport.paused
    pass_time(protocol, clock, 60)
    assert protocol.closes == []
    for _ in range(module.INBOUND_LIMIT):
        await protocol.application_queue.get()
    pass_time(protocol, clock, 20)
    assert protocol.closes == [4408]


def test_a_function_among_the_factorys_options_is_called_as_it_stands() -> None:
    """autobahn asks one of them about compression, which every browser offers."""
    options = dict.fromkeys(WebSocketProtocol.CONFIG_ATTRS)
    options["perMessageCompressionAccept"] = lambda offers: offers
    protocol = WebSocketProtocol.with_options_of(SimpleNamespace(**options))()
    assert protocol.perMessageCompressionAccept(["offer"]) == ["offer"]


def test_a_connection_that_has_asked_for_nothing_yet_can_be_named() -> None:
    assert repr(WebSocketProtocol()) == "<WebSocketProtocol client=None path=b''>"
