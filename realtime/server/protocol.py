"""The WebSocket protocol: daphne's, with a short way in and out for ordinary frames."""

import asyncio
import random
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from daphne.ws_protocol import WebSocketProtocol as DaphneProtocol
from twisted.internet import reactor

from realtime.close_codes import CloseCode
from realtime.conf import conf
from realtime.frames import Closing, encode
from realtime.limit_store import Rate
from realtime.limits import Bucket
from realtime.packet import Packet
from realtime.server.liveness import DROP, PING_INTERVAL, Liveness, Verdict
from realtime.server.transport import SocketWriter

# A socket whose consumer is so far behind is not read from, until it has caught up to the half:
# TCP pushes back on the client, and memory stays where it is.
INBOUND_LIMIT = conf.INBOUND_LIMIT

FIN_TEXT, FIN_BINARY = 0x81, 0x82
PLAIN = {FIN_TEXT, FIN_BINARY}
# What else may come of good clients: fragments, pings and pongs. Of all others autobahn drops the
# connection, and of close frames it knows what to do.
ORDINARY = PLAIN | {0x00, 0x01, 0x02, 0x80, 0x89, 0x8A}
MASKED = 0x80
SHORT_LENGTH = 126  # shorter ones are told in seven bits; at this value 16 more follow
LONG_HEAD = 8  # bytes, where they do, of a masked frame
LONGEST = LONG_HEAD + 0xFFFF  # of a frame that is taken whole
PING = b"\x89\x00"
PONG, PONG_BYTES = b"\x8a\x80", 6  # a masked one, of a ping without a payload

IDLE = Packet(encode(Closing(code=CloseCode.IDLE, retry_after=conf.RETRY_AFTER)))

# Pings, pongs and fragments pass below the limits of the consumer and cost 100 µs each, in one go
# for all that was read at once. So many at once, and so many per second, are more than anybody
# needs: a message may come in fragments of 350 bytes.
ODD_AT_ONCE, ODD_PER_SECOND = 200, 20
ODD = Rate(interval=1 / ODD_PER_SECOND, slack=ODD_AT_ONCE / ODD_PER_SECOND)
LINGER = 1.0  # seconds, for whoever is cut off to read why
FLOOD = Packet(
    encode(Closing(code=CloseCode.RATE_LIMITED, retry_after=ODD_AT_ONCE / ODD_PER_SECOND))
)


READING = {DaphneProtocol.STATE_OPEN, DaphneProtocol.STATE_CLOSING}

# What autobahn and daphne keep of a handshake for as long as the socket is open.
HANDSHAKE = frozenset(
    {
        *("_raw_query_string", "_wskey", "application_deferred"),
        *("clean_headers", "http_headers", "http_request_data", "http_request_host"),
        *("http_request_params", "http_request_path", "http_request_uri", "http_response_data"),
        *("http_status_line", "path", "root_path", "server_addr", "websocket_extensions"),
        *("websocket_extensions_in_use", "websocket_origin", "websocket_protocols"),
    }
)


class InboundQueue:
    """What a consumer has not taken yet. An asyncio.Queue would be 3 KiB for each socket."""

    __slots__ = ("_came", "_items", "_paused", "_transport")

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._items: list[dict[str, Any]] = []
        self._came: asyncio.Future[None] | None = None
        self._paused = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def paused(self) -> bool:
        """Whether the client is not read from just now."""
        return self._paused

    def put_nowait(self, item: dict[str, Any]) -> None:
        self._items.append(item)
        if self._came is not None and not self._came.done():
            self._came.set_result(None)
        if len(self._items) >= INBOUND_LIMIT and not self._paused:
            self._paused = True
            self._transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        """The oldest item. For one reader."""
        while not self._items:
            self._came = asyncio.get_running_loop().create_future()
            await self._came
        item = self._items.pop(0)
        if self._paused and len(self._items) <= INBOUND_LIMIT // 2:
            self._paused = False
            self._transport.resumeProducing()
        return item


class WebSocketProtocol(DaphneProtocol):  # type: ignore[misc]  # daphne is untyped
    writer: SocketWriter | None = None
    data: bytes  # autobahn's: what it has of a frame that is cut
    # Of a connection that is named in a log before its request is read.
    path, client_addr = b"", None
    _drop: Any = None
    _odd: Bucket | None = None  # few sockets ever need it

    @classmethod
    def with_options_of(cls, factory: Any) -> "type[WebSocketProtocol]":
        """The class with the factory's options.

        autobahn would copy all 40 to each connection, and print them to a log that is not kept:
        1.5 KiB and 0.3 ms.
        """
        options = {name: getattr(factory, name) for name in cls.CONFIG_ATTRS}
        # A function of the factory's is no method here.
        options |= {name: staticmethod(one) for name, one in options.items() if callable(one)}
        return type(cls.__name__, (cls,), {**options, "CONFIG_ATTRS": ()})

    def failHandshake(  # noqa: N802 - autobahn's name
        self,
        reason: str,
        code: int = HTTPStatus.BAD_REQUEST,
        responseHeaders: Any = None,  # noqa: N803 - autobahn's name
    ) -> None:
        """An Origin that autobahn cannot read is a foreign one, and told as those are."""
        if "origin" in self.http_headers and "Origin" in reason:
            reason, code = "Access denied", HTTPStatus.FORBIDDEN
        super().failHandshake(reason, int(code), responseHeaders)

    def onOpen(self) -> None:  # noqa: N802 - autobahn's name
        self.liveness = Liveness(early=random.uniform(0, PING_INTERVAL))  # noqa: S311 - a spread
        if self.writer:
            self.writer.open = True
        super().onOpen()
        self.request: Any = SimpleNamespace(path=self.request.path)  # which daphne logs
        self._transport_details = None
        self.send_queue = ()  # only for writes that are chopped up, which these are not
        self._forget_the_handshake()

    def _forget_the_handshake(self) -> None:
        """The scope has what the application may want of it; the class holds what is constant.

        Of 70 attributes some 25 are left, which saves 2 KiB. A dictionary shrinks only when it is
        made anew.
        """
        cls, shared = type(self), vars(type(self))
        for name, value in vars(self).items():
            if name not in shared and (value is None or value is True or value is False):
                setattr(cls, name, value)
        self.__dict__ = {
            name: value
            for name, value in vars(self).items()
            if name not in HANDSHAKE and shared.get(name, self) is not value
        }
        self.transport.__dict__ = {**vars(self.transport)}

    def sendCloseFrame(self, *args: Any, **kwargs: Any) -> None:  # noqa: N802 - autobahn's name
        if self.writer:
            self.writer.open = False
        super().sendCloseFrame(*args, **kwargs)

    def onFrameBegin(self) -> None:  # noqa: N802 - autobahn's name
        super().onFrameBegin()
        frame = self.current_frame
        is_whole_message = frame.fin and 0 < frame.opcode < 8
        if not is_whole_message and self.state == self.STATE_OPEN:
            self._odd = self._odd or Bucket(ODD)
            if self._odd.take():
                self._end_flood()

    def _end_flood(self) -> None:
        """Told, and cut off. Cut off at once, it would lose what it was told."""
        self.transport.write(FLOOD.wire)
        self.serverClose(code=int(CloseCode.RATE_LIMITED))
        self.transport.pauseProducing()
        self._drop = reactor.callLater(LINGER, self.transport.abortConnection)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803, FBT001
        self.liveness.heard()
        super().onMessage(payload, isBinary)

    def onPing(self, payload: bytes) -> None:  # noqa: N802 - autobahn's name
        self.liveness.heard()
        super().onPing(payload)

    def onPong(self, payload: bytes) -> None:  # noqa: N802 - autobahn's name
        self.liveness.heard()

    def check_timeouts(self) -> None:
        """daphne's, every 2 s. Its own pings are put off by any frame, and its time-out is mute."""
        if self.state == self.STATE_CONNECTING:
            super().check_timeouts()
        elif self.state == self.STATE_OPEN:
            self._check_liveness()

    def _check_liveness(self) -> None:
        if self.application_queue.paused:
            self.liveness.heard()  # it is we who do not listen
        match self.liveness.look():
            case Verdict.ASK:
                self.transport.write(PING)
            case Verdict.GONE:
                self._end_idle()

    def _end_idle(self) -> None:
        self.transport.write(IDLE.wire)
        self.serverClose(code=int(CloseCode.IDLE))
        # autobahn would wait for the answer to the close for longer than is left.
        rest = max(0.0, DROP - self.liveness.silence)
        self._drop = reactor.callLater(rest, self.transport.abortConnection)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803, FBT001
        if self._drop is not None and self._drop.active():
            self._drop.cancel()
        super().onClose(wasClean, code, reason)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        """Cut the cycles, or what is left waits for a collector: see realtime.server.garbage."""
        super().connectionLost(reason)
        self.is_closed = None  # a Deferred, whose result this is
        self.__dict__.pop("handshake_deferred", None)  # which waits for an answer, to call this
        self.transport.writer = None  # which has the transport

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self.state in READING and not self.muted:
            if len(data) == PONG_BYTES and data.startswith(PONG) and self._awaits_pong:
                self.liveness.heard()  # with many sockets most of what comes in
                return
            data = self._take_whole_frames(data)
        if data:
            super().dataReceived(data)

    @property
    def _awaits_pong(self) -> bool:
        return self.current_frame is None and not self.data and self.liveness.waits

    def _take_whole_frames(self, data: bytes) -> bytes:
        """Take the frames that are whole, one by one. What is left is for autobahn.

        It knows all kinds, and what is wrong with a frame; but its general way costs 100 µs, and
        as much more as came behind the frame, in one go for all that was read at once.
        """
        if self.current_frame is not None:
            missing = self.current_frame.length - self.current_frame_masker.pointer()
            if len(data) <= missing:
                return data
            super().dataReceived(data[:missing])
            data = data[missing:]
        elif self.data:
            data, self.data = self.data + data, b""
        start = 0
        while (frame := whole_frame(data, start)) and self.state in READING:
            payload_at, end = frame
            if not self._take_frame(data[start:payload_at], data[payload_at:end]):
                super().dataReceived(data[start:end])
            start = end
        data = data[start:]
        if self.state == self.STATE_CLOSING and len(data) < LONGEST:
            # Perhaps of a message whose other fragments were dropped: not for autobahn, either.
            self.data, data = data, b""
        return data

    def _take_frame(self, head: bytes, payload: bytes) -> bool:
        """Whether it needs no more: it is a message in one frame, or comes after our close."""
        kind = head[0]
        if self.state == self.STATE_CLOSING:
            return kind in ORDINARY and is_masked(head, payload)
        if kind not in PLAIN or self.inside_message or not is_masked(head, payload):
            return False
        payload = unmask(payload, head[-4:])
        try:
            message = {"text": payload.decode()} if kind == FIN_TEXT else {"bytes": payload}
        except UnicodeDecodeError:
            return False
        self.liveness.heard()
        self.application_queue.put_nowait({"type": "websocket.receive", **message})
        return True


def whole_frame(data: bytes, start: int) -> tuple[int, int] | None:
    """Where the payload of the frame at `start` begins and where it ends (RFC 6455, 5.2).

    None where not all of it is there, or it is of 64 KiB and more: few of those come at once.
    """
    if len(data) < start + 2:
        return None
    flags, payload_at = data[start + 1], start + 2
    length = flags & 0x7F
    if length == SHORT_LENGTH:
        length, payload_at = int.from_bytes(data[start + 2 : start + 4]), start + 4
    elif length > SHORT_LENGTH:
        return None
    if flags & MASKED:
        payload_at += 4
    end = payload_at + length
    return (payload_at, end) if end <= len(data) else None


def is_masked(head: bytes, payload: bytes) -> bool:
    """And its length is told in as few bytes as it can be."""
    long = len(head) == LONG_HEAD
    return bool(head[1] & MASKED) and long == (len(payload) >= SHORT_LENGTH)


def unmask(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455, 5.3."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
