"""Whose a session is, without changing it: a socket cannot answer with a new cookie."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils.crypto import constant_time_compare

from accounts.access import may_sign_in
from accounts.queries import user_by_id


class SessionRefused(Exception):
    """The session names a user, and does not count any more."""


def user_of(session_key: str) -> Any:
    """The user of a session, with their profile; None for a session without one. Two queries.

    Raises SessionRefused: inactive or deleted users, and sessions older than the password.
    """
    session = _read(session_key)
    if SESSION_KEY not in session:
        return None
    user = user_by_id(session[SESSION_KEY])
    if (
        not may_sign_in(user)
        or session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS
        or not _made_with_this_password(user, session)
    ):
        raise SessionRefused("The session has ended.")
    return user


def is_of(session_key: str, user: Any) -> bool:
    """Whether the session still lets this user in. One query, for a user that is loaded."""
    session = _read(session_key)
    return session.get(SESSION_KEY) == user._meta.pk.value_to_string(
        user
    ) and _made_with_this_password(user, session)


def _read(session_key: str) -> dict[str, Any]:
    # A key that no engine makes is not worth a query, and PostgreSQL raises on NUL.
    if not (session_key.isascii() and session_key.isprintable()):
        return {}
    session: dict[str, Any] = (
        import_module(settings.SESSION_ENGINE).SessionStore(session_key).load()
    )
    return session


def _made_with_this_password(user: Any, session: dict[str, Any]) -> bool:
    stamp = session.get(HASH_SESSION_KEY) or ""
    stamps = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(stamp, known) for known in stamps)
