"""The base of all socket consumers: life cycle, decoding, errors, close codes.

A consumer names its frames in `decoder`, enters in `enter()`, answers each client frame in a method
`on_<type>` and leaves in `leave()`. It raises FrameError to refuse a frame and Refused to end the
socket. Whatever else it raises is logged with the connection id and answered as `internal`; leave()
is called in every case.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from secrets import token_urlsafe
from typing import Any, ClassVar

import structlog
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import InterfaceError, OperationalError

from realtime import metrics
from realtime.close_codes import CloseCode, ErrorCode
from realtime.credentials import Credential
from realtime.errors import FrameError, Refused
from realtime.frames import (
    MAX_FRAME_BYTES,
    ClientFrame,
    Closing,
    Decoder,
    Error,
    Ping,
    Pong,
    Refresh,
    Refreshed,
    ServerFrame,
    encode,
    now,
    tag_of,
)
from realtime.hub import hubs
from realtime.outbox import Frames, Outbox, Send, SendOutbox, WriterOutbox
from realtime.packet import Packet

logger = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]

BACKGROUND_LIMIT = 64
MALFORMED_LIMIT = 20
MALFORMED_WINDOW = 60.0
RETRY_AFTER = 2.0  # seconds, when the database is away
DATABASE_AWAY = (OperationalError, InterfaceError)


class SocketConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # untyped in Channels
    channel_layer_alias = None  # no layer channel and receive task per socket: the hub has them
    decoder: ClassVar[Decoder]

    credential: Credential
    connection_id: str
    person_id: str = ""
    deliver: Callable[[Frames], None]

    # --- for subclasses ---

    async def enter(self) -> None:
        """Authorise, join, say welcome. The socket is accepted and `credential` is set."""
        raise NotImplementedError

    async def leave(self) -> None:
        """Undo what enter() did, however far it came."""

    def told(self, notice: str, details: Any) -> None:
        """Act on a notice to this person (realtime.publish.tell). Must not block or raise."""

    @property
    def seq(self) -> int | None:
        """The head of the log that this socket follows, for `pong`."""
        return None

    def answer(self, frame: ServerFrame) -> None:
        self.outbox.write(Packet(encode(frame)))

    async def in_background(self, frame: ClientFrame, work: Coroutine[Any, Any, None]) -> None:
        """Go on to the next frame while this one's work is under way; errors are told as ever.

        Waits while BACKGROUND_LIMIT frames of this socket are under way.
        """
        if len(self._background) >= BACKGROUND_LIMIT:
            await asyncio.wait(self._background, return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._guarded(self._handled(frame, work)))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def end(self, refusal: Refused) -> None:
        """Tell why, then close."""
        if refusal.close_code is CloseCode.RESTARTING:
            self.answer(Closing(code=refusal.close_code, **_given(retry_after=refusal.retry_after)))
        else:
            self._error(refusal.code, refusal.message, retry_after=refusal.retry_after)
        self.outbox.close(refusal.close_code)

    # --- life cycle ---

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scope = scope
        self.base_send = send
        self.connection_id = token_urlsafe(12)
        self.outbox = self._outbox(send)
        self.deliver = self.outbox.write  # called for every frame of every group
        self.hub = hubs.get()
        self._background: set[asyncio.Task[None]] = set()
        self._malformed: deque[float] = deque(maxlen=MALFORMED_LIMIT)
        self._expiry: asyncio.TimerHandle | None = None
        with structlog.contextvars.bound_contextvars(
            connection_id=self.connection_id, path=scope["path"]
        ):
            self.hub.sockets.add(self)
            try:
                while (message := await receive())["type"] != "websocket.disconnect":
                    await self.dispatch(message)
            finally:
                await self._gone()

    async def dispatch(self, message: dict[str, Any]) -> None:
        # Channels' own hops to a thread on every frame to close stale connections, ~300 µs;
        # realtime.database does that where connections are used.
        if message["type"] == "websocket.connect":
            await self.accept()
            await self._guarded(self._connected())
        elif not self.outbox.closed:
            await self._guarded(self._received(message))

    async def _connected(self) -> None:
        try:
            self.authenticate()
            await self.enter()
        except Refused:
            raise
        except Exception as error:
            failure = _failure(error)
            raise Refused(
                CloseCode.LOST, failure.code, failure.message, retry_after=failure.retry_after
            ) from error

    def authenticate(self) -> None:
        if reason := self.scope.get("refused"):
            raise Refused(CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, reason)
        credential = self.scope.get("credential")
        if credential is None:
            raise Refused(
                CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, "Sign in to use this socket."
            )
        self.credential = credential
        self.person_id = credential.person.id
        structlog.contextvars.bind_contextvars(user=self.person_id)
        self.hub.switchboard.attach(self)
        self._end_at(credential.expires)

    async def _gone(self) -> None:
        self.outbox.stop()
        if self._expiry:
            self._expiry.cancel()
        self.hub.sockets.discard(self)
        self.hub.switchboard.detach(self)
        try:
            await self.leave()
        except Exception:
            logger.exception("leave_failed")

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refusal:
            self.end(refusal)
        except FrameError as error:
            self.refuse_frame(error)

    # --- frames ---

    async def _received(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        metrics.frames_in.inc()
        metrics.bytes_in.inc(len(text or ""))
        if text is None:
            raise FrameError(
                ErrorCode.UNSUPPORTED, "Binary frames are not supported here.", malformed=True
            )
        if len(text) > MAX_FRAME_BYTES or len(text.encode(errors="replace")) > MAX_FRAME_BYTES:
            raise Refused(CloseCode.TOO_LARGE, ErrorCode.TOO_LONG, "A frame is at most 64 KiB.")
        await self.receive_frame(self.decoder.decode(text))

    async def receive_frame(self, frame: ClientFrame) -> None:
        handler = getattr(self, "on_" + tag_of(frame).replace("-", "_"))
        await self._handled(frame, handler(frame))

    async def _handled(self, frame: ClientFrame, work: Awaitable[None]) -> None:
        try:
            await work
        except Refused:
            raise
        except Exception as error:
            raise _failure(error).about(frame) from error

    async def on_ping(self, frame: Ping) -> None:
        self.answer(Pong(ref=frame.ref, timestamp=now(), **_given(seq=self.seq)))

    async def on_refresh(self, frame: Refresh) -> None:
        if self.credential.refresh is None:
            raise FrameError(ErrorCode.UNSUPPORTED, "This socket's credential does not expire.")
        expires = await self.credential.refresh(frame.access)
        self._end_at(expires)
        self.answer(Refreshed(ref=frame.ref, expires=datetime.fromtimestamp(expires, UTC)))

    def refuse_frame(self, error: FrameError) -> None:
        self._error(
            error.code,
            error.message,
            ref=error.ref,
            client_id=error.client_id,
            retry_after=error.retry_after,
        )
        if error.malformed:
            self._count_malformed()

    def _count_malformed(self) -> None:
        self._malformed.append(time.monotonic())
        if (
            len(self._malformed) == MALFORMED_LIMIT
            and self._malformed[-1] - self._malformed[0] < MALFORMED_WINDOW
        ):
            self.outbox.close(CloseCode.BAD_FRAMES)

    def _error(self, code: ErrorCode, message: str, **fields: Any) -> None:
        self.answer(Error(code=code, message=message, **_given(**fields)))

    # --- endings ---

    def _outbox(self, send: Send) -> Outbox:
        if writer := self.scope.get("extensions", {}).get("realtime.writer"):
            return WriterOutbox(writer, send, on_slow=self._too_slow)
        return SendOutbox(send, on_slow=self._too_slow)

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
        logger.info("slow_socket_closed")
        metrics.slow_closes.inc()
        self.outbox.drop()
        self.answer(Closing(code=CloseCode.SLOW, retry_after=RETRY_AFTER))
        self.outbox.close(CloseCode.SLOW)


def _failure(error: Exception) -> FrameError:
    """What the client is told of an exception; what it is not told is logged."""
    if isinstance(error, FrameError):
        return error
    if isinstance(error, DATABASE_AWAY):
        logger.warning("database_away", error=str(error))
        return FrameError(
            ErrorCode.UNAVAILABLE, "The database is away; try again.", retry_after=RETRY_AFTER
        )
    logger.error("handler_failed", exc_info=error)
    return FrameError(ErrorCode.INTERNAL, "Something went wrong here; it has been logged.")


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
