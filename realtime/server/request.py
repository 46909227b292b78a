"""HTTP requests whose body is refused by its size, before it is kept anywhere.

Twisted spools a body to disk and daphne copies it before Django can look at the size: a POST of
300 MB, without a credential and to a path that does not exist, took 300 MB of memory.
"""

from typing import Any

from daphne.http_protocol import HTTPFactory, WebRequest
from django.conf import settings
from twisted.internet import reactor

MEBIBYTE = 1024 * 1024
# The rest of a refused body is read and dropped for so long, so that a client that reads only after
# it has written all gets to see why.
DRAIN_SECONDS = 10

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


class RequestFactory(HTTPFactory):  # type: ignore[misc]  # daphne is untyped
    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        channel = super().buildProtocol(addr)
        channel.requestFactory = Request
        return channel
