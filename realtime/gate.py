"""In front of everything else: who opens too many sockets, or too fast, is refused cheaply.

Nothing is looked at but the address, before anybody is asked who they are.
"""

import random
from collections.abc import Awaitable, Callable
from secrets import token_urlsafe
from typing import Any

import structlog
from django.conf import settings
from msgspec import UNSET

from realtime import addresses
from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import conf
from realtime.errors import Refused
from realtime.frames import Error, encode
from realtime.limits import HANDSHAKES, Rates, rates, tidy
from realtime.outbox import Send
from realtime.per_loop import PerLoop
from realtime.places import Places, places, too_many

Receive = Callable[[], Awaitable[dict[str, Any]]]
Application = Any  # ASGI; Channels and its type stubs do not agree on it

# Seconds: those who were sent away come back spread over this, and not all at once again.
SPREAD = conf.RETURN_WITHIN
MAX_SOCKETS = conf.MAX_SOCKETS


class Gate:
    """ASGI middleware for sockets.

    MAX_SOCKETS are open in this process at most (4503); an address makes
    LIMIT_HANDSHAKES_PER_SECOND and has LIMIT_SOCKETS_PER_ADDRESS (4429).
    """

    def __init__(
        self, inner: Application, *, rates: Rates = rates, places: PerLoop[Places] = places
    ) -> None:
        self.inner = inner
        self._rates = rates
        self._places = places
        self._open = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """The connection is named here, so that whatever is logged of it says whose it is."""
        scope["connection_id"] = token_urlsafe(12)
        # A socket has a task, and so a context, of its own.
        structlog.contextvars.bind_contextvars(
            connection_id=scope["connection_id"], path=scope["path"]
        )
        place = ""
        self._open += 1
        try:
            place = await self._let_in(addresses.of_scope(scope))
        except Refused as refusal:
            await refuse(send, refusal)
        else:
            await self.inner(scope, receive, send)
        finally:
            self._open -= 1
            if place:
                self._places.get().give_back(place)

    async def _let_in(self, address: str) -> str:
        """The place that was taken, empty where none are counted. Raises Refused."""
        if MAX_SOCKETS and self._open > MAX_SOCKETS:
            raise Refused(
                CloseCode.RESTARTING,
                ErrorCode.UNAVAILABLE,
                "The server is full; try again.",
                retry_after=_spread(),
            )
        await self._check_pace(address)
        return await self._take_place(address)

    async def _check_pace(self, address: str) -> None:
        if wait := await self._rates.take(HANDSHAKES, address):
            raise Refused(
                CloseCode.RATE_LIMITED,
                ErrorCode.RATE_LIMITED,
                "There are too many new sockets from this address.",
                retry_after=_spread(wait),
            )

    async def _take_place(self, address: str) -> str:
        limit = getattr(settings, "LIMIT_SOCKETS_PER_ADDRESS", 0)
        if not (limit and address):
            return ""
        place = f"address:{address}"
        if not await self._places.get().take(place, limit=limit):
            raise too_many("address")
        return place


def _spread(wait: float = 0.0) -> float:
    return tidy(wait + random.uniform(*SPREAD))  # noqa: S311 - a spread


async def refuse(send: Send, refusal: Refused) -> None:
    """Accept, tell, close: a browser can read that, unlike an HTTP status."""
    retry_after = UNSET if refusal.retry_after is None else refusal.retry_after
    error = Error(code=refusal.code, message=refusal.message, retry_after=retry_after)
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": encode(error).decode()})
    await send({"type": "websocket.close", "code": int(refusal.close_code)})
