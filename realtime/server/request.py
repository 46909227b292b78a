"""HTTP requests whose body is refused by its size, before it is kept anywhere.

Twisted spools a body to disk and daphne copies it before Django can look at the size: a POST of
300 MB, without a credential and to a path that does not exist, took 300 MB of memory.
"""

from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.internet import reactor
from twisted.protocols.basic import LineReceiver
from twisted.web.http import HTTPChannel

from realtime.conf import conf

MEBIBYTE = 1024 * 1024
# The rest of a refused body is read and dropped for so long, so that a client that reads only after
# it has written all gets to see why.
DRAIN_SECONDS = conf.BODY_DRAIN_SECONDS

# A request is here within so long; each EARNING bytes of its body buy that time again.
REQUEST_SECONDS = 20
EARNING = 64 * 1024
IDLE_SECONDS = 60  # between two requests of a connection that is kept

_BODY = b'{"code":"too_long","message":"The body of a request is at most %d MiB."}'
_HEAD = (
    b"HTTP/1.1 413 Content Too Large\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: %d\r\n"
    b"Connection: close\r\n\r\n"
)


def body_limit() -> int:
    """In bytes."""
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 2**63


class Request(WebRequest):  # type: ignore[misc]  # daphne is untyped
    channel: Any
    _received = 0
    _refused = False

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's name
        if length is not None and length > body_limit():
            self._refuse()
        super().gotLength(0 if self._refused else length)

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        self._received += len(data)
        if self._received > body_limit() and not self._refused:
            self._refuse()
        if not self._refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        if self._refused:
            self._end()
        else:
            super().requestReceived(command, path, version)

    def process(self) -> None:
        if not self.requestHeaders.hasHeader(b"Upgrade"):
            super().process()
        elif self.channel.has_its_turn:
            self._begin()
        else:  # it came in pieces
            self.server.handshakes.put(self._begin)

    def _begin(self) -> None:
        if self.channel is None:  # the client has gone meanwhile
            return
        channel, transport = self.channel, self.transport
        super().process()
        if self.transport is None and getattr(transport, "protocol", channel) is not channel:
            self._become_a_socket(channel, transport)

    def _become_a_socket(self, channel: Any, transport: Any) -> None:
        """Let go of all that is HTTP, 8 KiB: the transport would keep it as its producer, and then
        channel and request each other, until a collector of garbage comes by.
        """
        transport.unregisterProducer()
        channel.clearLineBuffer()  # nobody has anything to say before the answer
        channel.requests, self.channel = [], None

    def send_disconnect(self) -> None:
        """When the application has heard that its answer is out.

        Django would take it for an answer broken off, and leave a cycle of the exception, its
        frame and the tasks there, 40 objects, for a collector of garbage.
        """
        reactor.callLater(0, super().send_disconnect)

    def handle_exception(self, exception: Exception) -> None:
        """An answer that has begun is broken off, so that nobody takes it for whole.

        daphne would begin it again, fail at that, and forget no connection that ends from then on.
        """
        if not self._response_started:
            super().handle_exception(exception)
        elif self.channel is not None:
            self.channel.transport.abortConnection()

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        if self._refused and self._deadline.active():
            self._deadline.cancel()
        super().connectionLost(reason)

    def _refuse(self) -> None:
        self._refused = True
        body = _BODY % (body_limit() // MEBIBYTE)
        self.channel.transport.write(_HEAD % len(body) + body)
        self._deadline = reactor.callLater(DRAIN_SECONDS, self._end)

    def _end(self) -> None:
        if self.channel is not None:
            self.channel.loseConnection()


class Channel(HTTPChannel):  # type: ignore[misc]  # Twisted is untyped
    """HTTP/1.1, for requests that come at once. In Twisted's, a byte a minute keeps one open.

    A handshake waits for its turn before it is read: to read 5,000 takes a second and more, and
    whoever asks for something else meanwhile comes behind them.
    """

    has_its_turn = False
    _handshake: bytes | None = None  # that waits

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        self._unpaid = 0  # bytes
        self.timeOut = REQUEST_SECONDS
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if self.timeOut == IDLE_SECONDS:
            self.setTimeout(REQUEST_SECONDS)
        self._unpaid += len(data)
        if self._unpaid >= EARNING:
            self._unpaid = 0
            self.resetTimeout()
        if self._handshake is not None:  # whose client has nothing to say before it is answered
            self._handshake += data
            self.transport.pauseProducing()
            if len(self._handshake) > self.totalHeadersSize:  # so much is kept for nobody
                self._read_handshake()
        elif self._begins_a_handshake(data):
            self._handshake = data
            self.setTimeout(None)
            self.factory.server.handshakes.put(self._read_handshake)
        else:
            self._read(data)

    def _begins_a_handshake(self, data: bytes) -> bool:
        """What is part of a request, or comes behind one, is no beginning, whatever it holds."""
        begins = not (self.requests or self._buffer)
        kept = len(data) <= self.totalHeadersSize
        return begins and kept and data.startswith(b"GET ") and b"\nupgrade:" in data.lower()

    def _read(self, data: bytes) -> None:
        LineReceiver.dataReceived(self, data)  # past HTTPChannel's, which resets it for any byte

    def _read_handshake(self) -> None:
        if self._handshake is None:  # the client has gone meanwhile
            return
        data, self._handshake = self._handshake, None
        self.transport.resumeProducing()
        self.setTimeout(REQUEST_SECONDS)
        self.has_its_turn = True
        try:
            self._read(data)
        except Exception:  # as where it is read when it comes
            self.transport.abortConnection()
            raise
        finally:
            self.has_its_turn = False

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - Twisted's name
        self._handshake = None
        super().connectionLost(reason)

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's name
        self._unpaid = 0
        self.timeOut = IDLE_SECONDS  # which begins when the answer is out
        super().allContentReceived()


class RequestFactory(HTTPFactory):  # type: ignore[misc]  # daphne is untyped
    protocol = Channel

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel
