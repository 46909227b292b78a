"""The server: daphne's own, extended where daphne lets one."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from daphne.server import Server as DaphneServer
from django.conf import settings
from twisted.internet import defer, reactor
from twisted.logger import globalLogPublisher

from realtime import addresses, metrics
from realtime.conf import conf
from realtime.hub import hubs
from realtime.limits import HANDSHAKES
from realtime.reports import reporters
from realtime.server import garbage
from realtime.server.handshakes import Handshakes
from realtime.server.protocol import InboundQueue, WebSocketProtocol
from realtime.server.request import RequestFactory
from realtime.server.transport import SocketWriter, WriteThrough, write_through

logger = structlog.get_logger(__name__)

CLOSE_TIMEOUT = conf.CLOSE_TIMEOUT  # for a client, perhaps a slow one, to answer a close
WRITER = "realtime.writer"  # the ASGI scope extension
ASGI = {"version": "3.0"}
# Every connection is looked at every 2 s, whether it still lives: in so many looks.
LOOKS = 40
LOOK_INTERVAL = 2.0 / LOOKS
# Seconds: clients of a server that ends come back spread over this.
RETURN_WITHIN = conf.RETURN_WITHIN
RETURNS_PER_SECOND = conf.RETURNS_PER_SECOND
# Seconds for a request that has come to be let in. Of 5,000 at once the last wait half a minute:
# after daphne's 5 s they would be dropped, to come again and wait behind the others.
ACCEPT_WITHIN = 60
SETTLE_SECONDS = conf.SETTLE_SECONDS  # for those who were just accepted to bring their request
DRAIN_SECONDS = conf.DRAIN_SECONDS
FLUSH_SECONDS = conf.FLUSH_SECONDS
SEND_BUFFER = conf.SEND_BUFFER


def log_failure(event: dict[str, Any]) -> None:
    """An observer of Twisted's log, which nobody reads: what was raised in a protocol's methods."""
    if (failure := event.get("log_failure")) is not None:
        raised = failure.type, failure.value, failure.getTracebackObject()
        logger.error("connection_failed", exc_info=raised)


def return_within(sockets: int, neighbours: int = 0) -> tuple[float, float]:
    """A few come back at once; a crowd at the pace that the other workers can let in.

    `neighbours` come from one address, whose handshakes are limited: those who come when they were
    told must not be refused for it. A second's worth, of the two that may come at once, is left to
    others who come from there.
    """
    soonest, latest = RETURN_WITHIN
    latest = min(latest, soonest + sockets / RETURNS_PER_SECOND)
    rate = getattr(settings, HANDSHAKES.setting, 0)
    return soonest, max(latest, soonest + neighbours / rate - 1) if rate else latest


def _next_turn(callback: Callable[[], None]) -> None:
    """What `reactor.callLater(0, …)` does, for a fifth of its cost."""
    asyncio.get_running_loop().call_soon(callback)


class Server(DaphneServer):  # type: ignore[misc]  # daphne is untyped
    workers = 1

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {
            "ping_timeout": 0,  # the protocol has its own: see realtime.server.liveness
            "websocket_handshake_timeout": ACCEPT_WITHIN,
            "websocket_connect_timeout": ACCEPT_WITHIN,
            "websocket_timeout": -1,  # daphne's would end a socket after a day, and as if for good
        }
        super().__init__(*args, **kwargs)
        globalLogPublisher.addObserver(log_failure)
        self._ports: list[Any] = []
        self._looks: list[list[Any]] = []  # the rest of a round of timeout_checker
        self._looked_at = 0.0
        self.connections: dict[Any, Any] = {}  # made anew when daphne runs
        self._over: set[Any] = set()  # of these the application has ended, or the connection
        self.handshakes = Handshakes(_next_turn)
        self._garbage = garbage.Guard()
        metrics.inbound_queue.set_function(self.count_inbound)

    @classmethod
    def adopting(
        cls, sockets: Sequence[socket.socket], application: Any, *, workers: int = 1
    ) -> "Server":
        """A server on sockets that are bound and listening already, without signal handlers.

        Beside it are as many as make `workers`; they may all be replaced at once.
        """
        server = cls(application, endpoints=["adopted"], signal_handlers=False)
        server.endpoints = []
        server.workers = workers
        server.ready_callable = lambda: server._adopt(sockets)
        return server

    def _adopt(self, sockets: Sequence[socket.socket]) -> None:
        for each in sockets:
            port = reactor.adoptStreamPort(each.fileno(), each.family, RequestFactory(self))
            self.listen_success(port)

    def run(self) -> None:
        garbage.settle()
        super().run()

    def listen_success(self, port: Any) -> None:
        super().listen_success(port)
        # Whoever is accepted has it from the port. Else the kernel gives a slow reader megabytes.
        port.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        reactor.callLater(0, reporters.get)  # once the loop runs
        self._ports.append(port)
        port.transport = write_through(port.transport)
        port.factory = RequestFactory(self)
        self.ws_factory.closeHandshakeTimeout = CLOSE_TIMEOUT  # its setter resets other options
        self.ws_factory.protocol = WebSocketProtocol.with_options_of(self.ws_factory)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """daphne's, with a queue that pushes back and a writer beside ASGI's `send`."""
        if scope["type"] == "websocket":
            queue = self._create_consumer(protocol, scope)
        else:
            queue = super().create_application(protocol, scope)
        if running := self.connections.get(protocol, {}).get("application_instance"):
            running.add_done_callback(partial(self._note_over, protocol))
        return queue

    def _create_consumer(self, protocol: Any, scope: dict[str, Any]) -> "InboundQueue | None":
        queue = InboundQueue(protocol.transport)
        if isinstance(protocol.transport, WriteThrough):
            protocol.writer = SocketWriter(protocol.transport)
            scope.setdefault("extensions", {})[WRITER] = protocol.writer
        scope.setdefault("asgi", ASGI)
        application = self.application(
            scope=scope, receive=queue.get, send=partial(self.handle_reply, protocol)
        )
        if protocol not in self.connections:
            return None
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(application)
        return queue

    def timeout_checker(self) -> None:
        """daphne's, in small looks: one at 10,000 sockets would hold up messages for 60 ms."""
        now = reactor.seconds()
        # As many as were due: a busy loop turns slowly, and a round is to take no longer.
        due = round((now - self._looked_at) / LOOK_INTERVAL)
        self._looked_at = now
        for _ in range(max(1, min(due, LOOKS))):
            self._look_at_some()
        reactor.callLater(LOOK_INTERVAL, self.timeout_checker)

    def _look_at_some(self) -> None:
        if not self._looks:
            connections = list(self.connections)
            self._looks = [connections[first::LOOKS] for first in range(LOOKS)]
        for protocol in self._looks.pop():
            if protocol in self.connections:
                protocol.check_timeouts()

    def protocol_disconnected(self, protocol: Any) -> None:
        """daphne's. Of a socket that was refused it is told again when the connection ends, and may
        have forgotten it by then: daphne's would raise in connectionLost(), and all that be kept.
        """
        if protocol not in self.connections:
            return
        super().protocol_disconnected(protocol)
        self._over.add(protocol)
        if isinstance(protocol, WebSocketProtocol):
            self._garbage.closed()

    def _note_over(self, protocol: Any, _ended: "asyncio.Future[Any]") -> None:
        self._over.add(protocol)

    def application_checker(self) -> None:
        """daphne's, every second, which forgets what is over: it is shown no more than that."""
        everything = self.connections
        over, self._over = self._over & everything.keys(), set()
        self.connections = {protocol: everything[protocol] for protocol in over}
        try:
            super().application_checker()
        finally:
            left = self.connections
            # A failure that is answered may begin the request that waited behind it.
            self.connections = everything | left
            for protocol in over - left.keys():
                del self.connections[protocol]
            # Those whose application has not heard of it yet.
            self._over |= {each for each, details in left.items() if "disconnected" in details}
        self._garbage.look(connections=len(self.connections))

    def count_inbound(self) -> int:
        """Frames that consumers have not taken yet; may be asked from any thread."""
        queues = [getattr(each, "application_queue", None) for each in list(self.connections)]
        return sum(len(queue) for queue in queues if isinstance(queue, InboundQueue))

    def kill_all_applications(self) -> Any:
        """Called by the reactor before it stops: nobody is cut off without a word.

        daphne's own fails where a connection has no application.
        """
        return defer.Deferred.fromFuture(asyncio.ensure_future(self._drain()))

    async def _drain(self) -> None:
        for port in self._ports:
            port.stopListening()
        await asyncio.sleep(SETTLE_SECONDS)
        consumers = [consumer for hub in hubs.all() for consumer in hub.sockets]
        neighbours = Counter(addresses.of_scope(consumer.scope) for consumer in consumers)
        logger.info("draining", sockets=len(consumers))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DRAIN_SECONDS
        told: set[Any] = set()
        while (running := self._running()) and (rest := deadline - loop.time()) > 0:
            # Those too who came meanwhile, over a connection that was kept.
            for consumer in {each for hub in hubs.all() for each in hub.sockets} - told:
                address = addresses.of_scope(consumer.scope)
                spread = return_within(len(consumers), neighbours[address] * self.workers)
                consumer.restart(round(random.uniform(*spread), 2))  # noqa: S311 - a spread
                told.add(consumer)
            await asyncio.wait(running, timeout=min(rest, SETTLE_SECONDS))
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                flushes = (hub.flush() for hub in hubs.all())
                await asyncio.gather(*flushes, return_exceptions=True)

    def _running(self) -> list["asyncio.Future[Any]"]:
        tasks = (details.get("application_instance") for details in self.connections.values())
        return [task for task in tasks if task is not None and not task.done()]
