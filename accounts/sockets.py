"""Who is at the other end of a socket, decided before a consumer sees it.

The consumer finds `scope["credential"]`, or None for whoever showed nothing, and `scope["refused"]`
with the reason where a credential was shown that is bad: that one is never passed over for the
next. A foreign page gets HTTP 403 before anything else is looked at.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from django.utils.crypto import constant_time_compare

from accounts import actions, api_keys, origins, sessions, tokens
from accounts.access import may_sign_in
from accounts.handshake import Handshake
from accounts.models import ApiKey, Ticket
from accounts.queries import person
from accounts.standing import key_ground, session_ground, token_ground
from realtime import database
from realtime.close_codes import CloseCode, ErrorCode
from realtime.credentials import Credential
from realtime.errors import FrameError, Refused
from realtime.gate import refuse

logger = structlog.get_logger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
_SECRETS = {b"authorization", b"x-api-key"}
Application = Any  # ASGI; Channels and its type stubs do not agree on it

# Nobody can say who this is now.
_AWAY = Refused(
    CloseCode.RESTARTING,
    ErrorCode.UNAVAILABLE,
    "The database does not answer; try again.",
    retry_after=2.0,
)


class CredentialRefused(Exception):
    """A credential was shown and is bad; the message is for the client."""


class SocketAuthentication:
    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        handshake = Handshake.of(scope)
        if not origins.is_allowed(handshake):
            await send({"type": "websocket.close"})  # before accept: HTTP 403
            return
        credential, refused = None, ""
        try:
            if _shows_anything(handshake):
                credential = await database.run(authenticate, handshake)
        except CredentialRefused as error:
            refused = str(error)
        except database.DATABASE_AWAY as error:
            logger.warning("database_away", error=str(error))
            await refuse(send, _AWAY)
            return
        del handshake  # or it is kept for as long as the socket is open
        _forget_secrets(scope)
        scope |= {"credential": credential, "refused": refused}
        await self.inner(scope, receive, send)


def _forget_secrets(scope: dict[str, Any]) -> None:
    """What was shown once is not kept, 1 KiB of it, to be found in a dump or a log."""
    scope["headers"][:] = [header for header in scope["headers"] if header[0] not in _SECRETS]


def authenticate(handshake: Handshake) -> Credential | None:
    """The first credential that is shown decides. At most three queries, in one thread."""
    for look in (_by_bearer, _by_api_key, _by_ticket, _by_session):
        if (credential := look(handshake)) is not None:
            return credential
    return None


def _shows_anything(handshake: Handshake) -> bool:
    return bool(
        handshake.authorizations or handshake.api_keys or handshake.tickets or handshake.session_key
    )


def _by_bearer(handshake: Handshake) -> Credential | None:
    if not handshake.authorizations:
        return None
    scheme, _, access = _only(handshake.authorizations, "Authorization").strip().partition(" ")
    if scheme.lower() != "bearer":
        raise CredentialRefused("Only `Authorization: Bearer` is understood here.")
    try:
        return _by_token(access.strip())
    except tokens.TokenRefused as error:
        raise CredentialRefused(str(error)) from error


def _by_token(access: str) -> Credential:
    """Raises TokenRefused."""
    user, token = tokens.holder(access)
    ground = token_ground(tokens.family_of(token))
    return _credential(user, kind="token", ground=ground, expires=float(token["exp"]))


def _by_api_key(handshake: Handshake) -> Credential | None:
    if not handshake.api_keys:
        return None
    try:
        key = api_keys.holder(_only(handshake.api_keys, "X-API-Key"))
    except api_keys.KeyRefused as error:
        raise CredentialRefused(str(error)) from error
    return _of_key(key, kind="api-key")


def _of_key(key: ApiKey, *, kind: str) -> Credential:
    """Not to be refreshed: a token of the user's would outlive the key."""
    return Credential(
        user=key.user,
        person=person(key.user),
        kind=kind,
        expires=None if key.expires_at is None else key.expires_at.timestamp(),
        scopes=frozenset(key.scopes),
        ground=key_ground(key.pk),
    )


def _by_ticket(handshake: Handshake) -> Credential | None:
    if not handshake.tickets:
        return None
    ticket = actions.use_ticket(ticket=_only(handshake.tickets, "ticket"))
    if ticket is None or not _still_worth_something(ticket):
        raise CredentialRefused("The ticket is not valid, has been used, or has expired.")
    if ticket.api_key:
        return _of_key(ticket.api_key, kind="ticket")
    expires = None if ticket.ends_at is None else ticket.ends_at.timestamp()
    if ticket.session_key:
        ground = session_ground(ticket.session_key)
    else:
        ground = token_ground(ticket.family)
    return _credential(ticket.user, kind="ticket", ground=ground, expires=expires)


def _still_worth_something(ticket: Ticket) -> bool:
    """Whether the credential that the ticket was got with would still be good now."""
    return (
        may_sign_in(ticket.user)
        and constant_time_compare(ticket.auth_hash, ticket.user.get_session_auth_hash())
        and (ticket.ends_at is None or ticket.ends_at > datetime.now(UTC))
        and (not ticket.session_key or sessions.is_of(ticket.session_key, ticket.user))
        and (ticket.api_key is None or api_keys.is_good(ticket.api_key))
    )


def _by_session(handshake: Handshake) -> Credential | None:
    if not handshake.session_key:
        return None
    if not handshake.origins:
        # Browsers always send it; without it, nobody can say whose page is using the cookie.
        raise CredentialRefused("A session cookie needs an Origin header beside it.")
    try:
        user = sessions.user_of(handshake.session_key)
    except sessions.SessionRefused as error:
        raise CredentialRefused(str(error)) from error
    if not user:
        return None
    return _credential(user, kind="session", ground=session_ground(handshake.session_key))


def _only(values: list[str], name: str) -> str:
    if len(values) > 1:
        raise CredentialRefused(f"More than one {name} was sent.")
    return values[0]


def _credential(user: Any, *, kind: str, ground: str, expires: float | None = None) -> Credential:
    return Credential(
        user=user,
        person=person(user),
        kind=kind,
        ground=ground,
        expires=expires,
        refresh=None if expires is None else _refresher(user.pk),
    )


def _refresher(user_id: object) -> Callable[[str], Awaitable[Credential]]:
    async def refresh(access: str) -> Credential:
        return await database.run(_refreshed, user_id, access)

    return refresh


def _refreshed(user_id: object, access: str) -> Credential:
    try:
        credential = _by_token(access)
    except tokens.TokenRefused as error:
        raise FrameError(ErrorCode.NOT_SIGNED_IN, str(error)) from error
    if credential.user.pk != user_id:
        raise FrameError(ErrorCode.FORBIDDEN, "The token is another person's.")
    return credential
