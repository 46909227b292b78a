"""The short way in takes what autobahn would take, however the bytes are cut."""

from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from realtime.server import protocol as module
from realtime.server.liveness import Liveness
from realtime.server.protocol import FLOOD, ODD_AT_ONCE, DaphneProtocol, WebSocketProtocol

READ = 64 * 1024  # bytes that are read at once, at most
HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
BEGINS, GOES_ON, ENDS = 0x01, 0x00, 0x80


class Queue(list[Any]):
    put_nowait = list.append
    paused = False


class Opened:
    """Mixed in before a protocol: who is let in without an application."""

    def onConnect(self, _: Any) -> None:  # noqa: N802 - autobahn's name
        return None

    def onOpen(self) -> None:  # noqa: N802 - autobahn's name
        self.application_queue = Queue()
        self.client_addr = None
        self.liveness = Liveness()

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 - daphne's name
        self.sendClose(code=code)  # type: ignore[attr-defined]

    def onClose(self, *_: Any) -> None:  # noqa: N802 - autobahn's name
        pass


class Ours(Opened, WebSocketProtocol):
    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        pass


class Theirs(Opened, DaphneProtocol):  # type: ignore[misc]  # daphne is untyped
    pass


class Transport(StringTransport):
    def abortConnection(self) -> None:  # noqa: N802 - Twisted's name
        self.loseConnection()

    def unregisterProducer(self) -> None:  # noqa: N802 - Twisted's name
        pass


def opened(kind: Any) -> Any:
    factory = WebSocketServerFactory()
    factory.protocol = kind
    factory.setProtocolOptions(maxFramePayloadSize=2**20, openHandshakeTimeout=0)
    protocol = factory.buildProtocol(None)
    protocol.makeConnection(Transport())
    protocol.dataReceived(HANDSHAKE)
    protocol.transport.clear()
    return protocol


def masked(first: int, payload: bytes, *, mask: bytes = b"\x01\x82\xf3\x04") -> bytes:
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 2**16:
        length = bytes([0x80 | 126]) + size.to_bytes(2)
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8)
    hidden = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes([first]) + length + mask + hidden


texts = st.sampled_from([0, 1, 125, 126, 127, 4000, 70_000]).map(lambda size: b"x" * size)
words = texts | st.text(max_size=20).map(str.encode)
good = st.one_of(
    st.builds(masked, st.sampled_from([TEXT, BINARY]), words),
    st.builds(masked, st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.lists(words, min_size=1, max_size=3).map(
        lambda parts: (
            masked(BEGINS, parts[0])
            + masked(PING, b"between")
            + b"".join(masked(GOES_ON, part) for part in parts[1:])
            + masked(ENDS, b"")
        )
    ),
)
bad = st.sampled_from(
    [
        masked(CLOSE, b"\x03\xe8"),
        masked(0x83, b"of a kind that does not exist"),
        masked(0xF1, b"with bits that nobody agreed on"),
        b"\x81\x02hi",  # not masked
        b"\x81\xfe\x00\x02maskhi",  # a length in too many bytes
    ]
)
# Of no matter to one who has closed.
bad_to_readers = st.sampled_from(
    [
        masked(TEXT, b"\xff"),
        masked(GOES_ON, b"of nothing"),
        masked(PING, b"x" * 126),
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask",
    ]
)


@settings(max_examples=300)
@given(
    frames=st.lists(good, max_size=8),
    last=st.lists(bad | bad_to_readers, max_size=1),
    more=st.lists(good, max_size=2),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_however_it_is_cut_the_same_is_heard_and_answered_as_without_the_short_way(
    frames: list[bytes], last: list[bytes], more: list[bytes], cuts: list[float]
) -> None:
    ours, theirs = opened(Ours), opened(Theirs)
    stream = b"".join([*frames, *last, *more])
    feed(ours, stream, cuts)
    theirs.dataReceived(stream)
    assert ours.application_queue == theirs.application_queue
    assert ours.transport.value() == theirs.transport.value()
    assert ours.state == theirs.state


def feed(protocol: Any, stream: bytes, cuts: list[float]) -> None:
    at = sorted(int(cut * len(stream)) for cut in cuts)
    for begin, end in zip([0, *at], [*at, len(stream)], strict=True):
        protocol.dataReceived(stream[begin:end])


@given(
    frames=st.lists(good.filter(lambda stream: len(stream) < 2**16), max_size=4),
    last=st.lists(bad, max_size=1),
    cuts=st.lists(st.floats(0, 1), max_size=6),
)
def test_after_a_close_of_ours_the_end_is_the_same_as_without_the_short_way(
    frames: list[bytes], last: list[bytes], cuts: list[float]
) -> None:
    ours, theirs = opened(Ours), opened(Theirs)
    stream = b"".join([*frames, *last])
    for protocol in (ours, theirs):
        protocol.serverClose(4401)
    feed(ours, stream, cuts)
    theirs.dataReceived(stream)
    assert ours.state == theirs.state


def test_after_a_close_of_ours_what_is_not_masked_ends_the_connection_at_once() -> None:
    protocol = opened(Ours)
    protocol.serverClose(4401)
    protocol.dataReceived(b"\x81\x00" * 1000)
    assert protocol.state == protocol.STATE_CLOSED


@pytest.mark.parametrize("rest", [b"", masked(PING, b"hello")[:7], masked(TEXT, b"hi")[:1]])
def test_who_floods_with_pings_is_left_time_to_read_why(
    rest: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.reactor, "callLater", lambda *_: None)
    protocol = opened(Ours)
    protocol.dataReceived(masked(PING, b"hello") * (ODD_AT_ONCE + 100) + rest)
    assert protocol.state == protocol.STATE_CLOSING
    assert FLOOD.wire in protocol.transport.value()
    assert not protocol.transport.disconnecting


@pytest.fixture
def general(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What goes the general way."""
    taken: list[bytes] = []
    take = DaphneProtocol.dataReceived

    def noted(self: Any, data: bytes) -> None:
        taken.append(data)
        take(self, data)

    monkeypatch.setattr(DaphneProtocol, "dataReceived", noted)
    return taken


@pytest.mark.parametrize("first", [TEXT, BINARY])
def test_of_a_flood_only_the_frames_that_are_cut_go_the_general_way(
    first: int, general: list[bytes]
) -> None:
    protocol = opened(Ours)
    general.clear()
    frame = masked(first, b'{"type":"ping"}')
    stream = frame * 10_000
    reads = [stream[at : at + READ] for at in range(0, len(stream), READ)]
    for read in reads:
        protocol.dataReceived(read)
    assert len(protocol.application_queue) == 10_000
    assert sum(map(len, general)) < len(reads) * len(frame)


def test_what_comes_after_a_frame_of_another_kind_goes_the_short_way(general: list[bytes]) -> None:
    protocol = opened(Ours)
    general.clear()
    protocol.dataReceived(masked(PING, b"p") + masked(TEXT, b"hi") * 100)
    assert general == [masked(PING, b"p")]
    assert len(protocol.application_queue) == 100


def test_after_a_close_frames_are_dropped_up_to_the_answer(general: list[bytes]) -> None:
    protocol = opened(Ours)
    protocol.serverClose(4429)
    general.clear()
    protocol.dataReceived((masked(TEXT, b"hi") + masked(PING, b"p")) * 100 + masked(CLOSE, b""))
    assert general == [masked(CLOSE, b"")]
    assert protocol.application_queue == []
    assert protocol.state == protocol.STATE_CLOSED
