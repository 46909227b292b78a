"""The base of all socket consumers: life cycle, decoding, errors, close codes.

A consumer names its frames in `decoder` and `server_frames` (all that it may send, for the
published schema), enters in `enter()`, answers each client frame in a method
`on_<type>` and leaves in `leave()`. It raises FrameError to refuse a frame and Refused to end the
socket. Whatever else it raises is logged with the connection id and answered as `internal`; leave()
is called in every case.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any, ClassVar

import msgspec
import structlog
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from realtime import failures, metrics, switchboard
from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import conf
from realtime.credentials import Credential, fingerprint
from realtime.errors import FrameError, Refused
from realtime.failures import RETRY_AFTER
from realtime.frames import (
    COMMON,
    MAX_FRAME_BYTES,
    Announcement,
    ClientFrame,
    Closing,
    Decoder,
    Error,
    Person,
    Ping,
    Pong,
    Refresh,
    Refreshed,
    ServerFrame,
    encode,
    glimpse,
    now,
    size_of,
    tag_of,
)
from realtime.hub import hubs
from realtime.limits import FRAMES, Bucket, Limit, Strikes, too_soon
from realtime.outbox import Frames, Send, outbox_for
from realtime.packet import Binary, Packet
from realtime.per_loop import PerLoop
from realtime.places import Places, places, too_many
from realtime.publish import tell_connection
from realtime.reports import reporters

logger = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]

BACKGROUND_LIMIT = conf.BACKGROUND_LIMIT


class SocketConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # untyped in Channels
    channel_layer_alias = None  # no layer channel and receive task per socket: the hub has them
    decoder: ClassVar[Decoder]
    server_frames: ClassVar[tuple[type[ServerFrame], ...]] = COMMON
    query: ClassVar[dict[str, Any]] = {}  # JSON schemas of the parameters in the URL
    raw_messages: ClassVar[dict[str, Any]] = {}  # AsyncAPI messages that are no frames, both ways
    # Any of them lets an API key in; None lets in every key.
    key_scopes: ClassVar[frozenset[str] | None] = frozenset()

    credential: Credential
    connection_id: str
    person_id: str = ""
    deliver: Callable[[Frames], None]
    # With more than 30 attributes of its own an instance has a dictionary to itself, of 1.6 KiB.
    groups = ()
    _under_way = 0
    _fewer_under_way: "asyncio.Future[None] | None" = None
    _place = ""
    _expiry: asyncio.TimerHandle | None = None

    def __init__(
        self,
        *,
        logger: Any = logger,
        clock: Callable[[], float] = time.monotonic,
        frame_limit: Limit = FRAMES,
        places: PerLoop[Places] = places,
    ) -> None:
        """The services of a consumer, for `as_asgi(...)` to replace, as in a test.

        `clock` is that of the limits, in seconds. A subclass with services of its own takes the
        others as `**services` and passes them on.
        """
        super().__init__()
        self.logger = logger
        self.clock = clock
        self._frame_limit = frame_limit
        self._places = places

    # --- for subclasses ---

    async def enter(self) -> None:
        """Authorise, join, say welcome. The socket is accepted and `credential` is set."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Undo what enter() did, however far it came."""

    def told(self, notice: str, details: Any) -> None:
        """Act on a notice to this socket (realtime.publish.tell). Must not block or raise."""

    def hear(self, notice: str, details: Any) -> None:
        """What concerns every socket is done here; a subclass is told the rest."""
        match notice:
            case switchboard.END:
                if details["ground"] in {"", self._ground}:
                    close_code, code = CloseCode(details["close_code"]), ErrorCode(details["code"])
                    self.end(Refused(close_code, code, details["message"]))
            case switchboard.RECHECK:
                self.hub.sweep.doubt(self)
            case switchboard.ANNOUNCEMENT:
                self.announced(msgspec.convert(details, Announcement))
            case switchboard.FIND:
                found = {"connection_id": self.connection_id, "person": self._person}
                tell_connection(switchboard.FOUND, details, found)
            case _:
                self.told(notice, details)

    @property
    def _ground(self) -> str:
        return fingerprint(self.credential.ground) if self.person_id else ""

    def announced(self, frame: Announcement) -> None:
        if self._before_entry is None:
            self.answer(frame)
        else:
            self._before_entry.append(frame)

    @property
    def seq(self) -> int | None:
        """The head of the log that this socket follows, for `pong`."""
        return None

    def answer(self, frame: ServerFrame) -> None:
        self.write(Packet(encode(frame)))

    def write(self, one: Packet | Binary) -> None:
        """To this socket alone."""
        self.outbox.write(one)
        metrics.answered(frames=1, size=len(one.payload))

    @property
    def backlog(self) -> int:
        """Bytes that wait for the client."""
        return self.outbox.backlog

    async def begin(self) -> None:
        """The next frame's work goes on while later ones are taken, until `finish`.

        Waits while BACKGROUND_LIMIT frames of this socket are under way.
        """
        while self._under_way >= BACKGROUND_LIMIT:
            self._fewer_under_way = asyncio.get_running_loop().create_future()
            await self._fewer_under_way
        self._under_way += 1
        self._context = copy_context()

    def finish(self, frame: ClientFrame, error: Exception | None = None) -> None:
        """The work that began with this frame is over; the client is told of an error."""
        self._under_way -= 1
        if self._fewer_under_way and not self._fewer_under_way.done():
            self._fewer_under_way.set_result(None)
        if isinstance(error, Refused):
            self.end(error)
        elif error is not None:  # logged as this socket's, wherever the work was done
            self._context.run(lambda: self.refuse_frame(self._failed(frame, error)))

    def end(self, refusal: Refused) -> None:
        """Tell why, then close."""
        self._error(refusal.code, refusal.message, retry_after=refusal.retry_after)
        self.outbox.close(refusal.close_code)

    def restart(self, retry_after: float) -> None:
        """The server is restarting: come back in so many seconds."""
        self.answer(Closing(code=CloseCode.RESTARTING, retry_after=retry_after))
        self.outbox.close(CloseCode.RESTARTING)

    # --- life cycle ---

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self.base_send = send
        self.connection_id = scope.get("connection_id") or token_urlsafe(12)
        self.outbox = outbox_for(scope, send, on_slow=self._too_slow, log=self._note)
        self.deliver = self.outbox.write  # called for every frame of every group
        self.hub = hubs.get()
        rate = self._frame_limit.rate
        self._bucket = None if rate is None else Bucket(rate, self.clock)
        self._malformed, self._refused = Strikes(self.clock), Strikes(self.clock)
        self._before_entry: list[ServerFrame] | None = []
        # A socket has a task, and so a context, of its own.
        structlog.contextvars.bind_contextvars(connection_id=self.connection_id, path=scope["path"])
        self.hub.sockets.add(self)
        reporters.get()  # this process is one that serves
        try:
            while (message := await receive())["type"] != "websocket.disconnect":
                await self.dispatch(message)
                del message  # or it is kept until the next one comes
        except asyncio.CancelledError:
            if not self.outbox.stuck:
                raise
        finally:
            await self._gone()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own hops to a thread on every frame to close stale connections, ~300 µs;
        # realtime.database does that where connections are used.
        if message["type"] == "websocket.connect":
            await self.accept()
            await self._guarded(self._connected())
        elif not self.outbox.closed:
            if self._bucket is not None and (wait := self._bucket.take()):
                self.refuse_frame(too_soon(wait).repeating(glimpse(message.get("text"))))
            else:
                await self._guarded(self._received(message))

    async def _connected(self) -> None:
        try:
            self.authenticate()
            await self._take_place()
            await self.enter()
            self._entered()
        except Refused:
            raise
        except Exception as error:
            raise failures.in_entry(error, self.logger) from error

    def _entered(self) -> None:
        """The welcome was said; now what came before it."""
        waiting, self._before_entry = self._before_entry or [], None
        for frame in waiting:
            self.answer(frame)

    def authenticate(self) -> None:
        if reason := self.scope.get("refused"):
            raise Refused(CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, reason)
        credential = self.scope.get("credential")
        if credential is None:
            raise Refused(
                CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, "Sign in to use this socket."
            )
        if not self._lets_in(credential.scopes):
            raise Refused(
                CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "The API key is not for this socket."
            )
        self.credential = credential
        self.person_id = credential.person.id
        structlog.contextvars.bind_contextvars(user=self.person_id)
        self.hub.switchboard.attach(self)
        self.hub.sweep.add(self)
        self._end_at(credential.expires)

    def _lets_in(self, scopes: frozenset[str] | None) -> bool:
        return scopes is None or self.key_scopes is None or bool(scopes & self.key_scopes)

    async def _take_place(self) -> None:
        limit = getattr(settings, "LIMIT_SOCKETS_PER_USER", 0)
        if limit and self.person_id:
            place = f"user:{self.person_id}"
            if not await self._places.get().take(place, limit=limit):
                raise too_many("user")
            self._place = place

    async def _gone(self) -> None:
        self.outbox.stop()
        if self._place:
            self._places.get().give_back(self._place)
        if self._expiry:
            self._expiry.cancel()
        self.hub.sockets.discard(self)
        self.hub.switchboard.detach(self)
        self.hub.sweep.discard(self)
        try:
            await self.leave()
        except Exception:
            self.logger.exception("leave_failed")

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refusal:
            self.end(refusal)
        except FrameError as error:
            self.refuse_frame(error)

    # --- frames ---

    async def _received(self, message: dict[str, Any]) -> None:
        text, data = message.get("text"), message.get("bytes") or b""
        size = size_of(data if text is None else text)
        metrics.frames_in.inc()
        metrics.bytes_in.inc(size)
        if size > MAX_FRAME_BYTES:
            raise Refused(CloseCode.TOO_LARGE, ErrorCode.TOO_LONG, "A frame is at most 64 KiB.")
        await (self.receive_binary(data) if text is None else self.receive_text(text))

    async def receive_text(self, text: str) -> None:
        await self.receive_frame(self.decoder.decode(text))

    async def receive_binary(self, data: bytes) -> None:
        raise FrameError(
            ErrorCode.UNSUPPORTED, "Binary frames are not supported here.", malformed=True
        )

    async def receive_frame(self, frame: ClientFrame) -> None:
        handler = getattr(self, "on_" + tag_of(frame).replace("-", "_"))
        await self._handled(frame, handler(frame))

    async def _handled(self, frame: ClientFrame, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused:
            raise
        except Exception as error:
            raise self._failed(frame, error) from error

    async def on_ping(self, frame: Ping) -> None:
        self.answer(Pong(ref=frame.ref, timestamp=now(), **_given(seq=self.seq)))

    async def on_refresh(self, frame: Refresh) -> None:
        if self.credential.refresh is None:
            raise FrameError(ErrorCode.UNSUPPORTED, "This socket's credential does not expire.")
        renewed = await self.credential.refresh(frame.access)
        assert renewed.expires is not None
        self.credential = renewed
        self.hub.sweep.add(self)
        self._end_at(renewed.expires)
        self.answer(Refreshed(ref=frame.ref, expires=datetime.fromtimestamp(renewed.expires, UTC)))

    def _failed(self, frame: ClientFrame, error: Exception) -> FrameError:
        return failures.in_frame(error, self.logger).about(frame)

    def refuse_frame(self, error: FrameError) -> None:
        self._error(
            error.code,
            error.message,
            ref=error.ref,
            client_id=error.client_id,
            topic=error.topic,
            retry_after=error.retry_after,
        )
        if error.malformed and self._malformed.out():
            self.outbox.close(CloseCode.BAD_FRAMES)
        if error.code == ErrorCode.RATE_LIMITED and self._refused.out():
            self.outbox.close(CloseCode.RATE_LIMITED)

    def _error(self, code: ErrorCode, message: str, **fields: Any) -> None:
        self.answer(Error(code=code, message=message, **_given(**fields)))

    # --- endings ---

    @property
    def _person(self) -> Person | None:
        credential = self.scope.get("credential")
        return credential.person if credential else None

    def _note(self, event: str, **fields: Any) -> None:
        """Log what befalls this socket while another one's work is done."""
        path = self.scope["path"]
        whose = {"connection_id": self.connection_id, "user": self.person_id, "path": path}
        self.logger.info(event, **whose, **fields)

    def _end_at(self, expires: float | None) -> None:
        if self._expiry:
            self._expiry.cancel()
        if expires is not None:
            self._expiry = asyncio.get_running_loop().call_later(
                max(0.0, expires - time.time()), self._expired
            )

    def _expired(self) -> None:
        self.end(
            Refused(CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, "The credential has expired.")
        )

    def _too_slow(self) -> None:
        self._note("slow_socket_closed")
        metrics.slow_closes.inc()
        self.outbox.give_up()
        self.answer(Closing(code=CloseCode.SLOW, retry_after=RETRY_AFTER))
        self.outbox.close(CloseCode.SLOW)


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
