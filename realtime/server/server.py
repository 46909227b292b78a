"""The server: daphne's own, extended where daphne lets one."""

import asyncio
import random
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from daphne.server import Server as DaphneServer
from twisted.internet import defer, reactor

from realtime.hub import hubs
from realtime.server.protocol import InboundQueue, SocketWriter, WebSocketProtocol
from realtime.server.request import RequestFactory
from realtime.server.transport import WriteThrough, write_through

logger = structlog.get_logger(__name__)

PING_INTERVAL = 10
PING_TIMEOUT = 10
CLOSE_TIMEOUT = 5  # for a client, perhaps a slow one, to answer a close
WRITER = "realtime.writer"  # the ASGI scope extension
RETURN_WITHIN = (0.5, 5.0)  # seconds: clients of a server that ends come back spread over this
DRAIN_SECONDS = 20.0


class Server(DaphneServer):  # type: ignore[misc]  # daphne is untyped
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {
            "ping_interval": PING_INTERVAL,
            "ping_timeout": PING_TIMEOUT,
            "websocket_timeout": -1,  # daphne's would end a socket after a day, and as if for good
        }
        super().__init__(*args, **kwargs)
        self._ports: list[Any] = []

    @classmethod
    def adopting(cls, sockets: Sequence[socket.socket], application: Any) -> "Server":
        """A server on sockets that are bound and listening already, without signal handlers."""
        server = cls(application, endpoints=["adopted"], signal_handlers=False)
        server.endpoints = []
        server.ready_callable = lambda: server._adopt(sockets)
        return server

    def _adopt(self, sockets: Sequence[socket.socket]) -> None:
        for each in sockets:
            port = reactor.adoptStreamPort(each.fileno(), each.family, RequestFactory(self))
            self.listen_success(port)

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        self._ports.append(port)
        port.transport = write_through(port.transport)
        port.factory = RequestFactory(self)
        self.ws_factory.protocol = WebSocketProtocol
        self.ws_factory.closeHandshakeTimeout = CLOSE_TIMEOUT  # its setter resets other options

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """daphne's, with a queue that pushes back and a writer beside ASGI's `send`."""
        if scope["type"] != "websocket":
            return super().create_application(protocol, scope)
        queue = InboundQueue(protocol.transport)
        if isinstance(protocol.transport, WriteThrough):
            scope.setdefault("extensions", {})[WRITER] = SocketWriter(protocol)
        scope.setdefault("asgi", {"version": "3.0"})
        application = self.application(
            scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol)
        )
        if protocol not in self.connections:
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return queue

    def kill_all_applications(self) -> Any:
        """Called by the reactor before it stops: nobody is cut off without a word."""
        drained = defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))
        return drained.addBoth(lambda _: super(Server, self).kill_all_applications())

    async def _drain(self) -> None:
        for port in self._ports:
            port.stopListening()
        consumers = [consumer for hub in hubs.all() for consumer in hub.sockets]
        for consumer in consumers:
            consumer.restart(round(random.uniform(*RETURN_WITHIN), 2))  # noqa: S311 - a spread
        logger.info("draining", sockets=len(consumers))
        running = [
            details["application_instance"]
            for details in self.connections.values()
            if "application_instance" in details
        ]
        if running:
            await asyncio.wait(running, timeout=DRAIN_SECONDS)
