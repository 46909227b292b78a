"""What a socket's credential stands on, and whether it still does.

A ground is `<kind>:<key>`: the session, the family of tokens that come from one sign-in, or the API
key. With it ends every socket that it opened, by itself or through a ticket.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from django.conf import settings
from django.utils import timezone

from accounts.access import who_may_sign_in
from accounts.models import RevokedFamily
from accounts.queries import good_keys
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import Refused
from realtime.sweep import Standing

SESSION = "session"
TOKEN = "token"  # noqa: S105 - a kind, not one
API_KEY = "api-key"


def session_ground(session_key: str) -> str:
    return f"{SESSION}:{session_key}"


def token_ground(family: str) -> str:
    return f"{TOKEN}:{family}"


def key_ground(pk: Any) -> str:
    return f"{API_KEY}:{pk}"


def signed_out() -> Refused:
    return Refused(CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, "You have been signed out.")


def ground(socket: Standing) -> str:
    return socket.credential.ground


def check(sockets: Sequence[Standing]) -> Iterator[tuple[Standing, Refused]]:
    """The sockets whose person may not sign in, or whose ground is gone. One query per kind."""
    # What has no ground was not let in by accounts.
    ours = [socket for socket in sockets if ground(socket)]
    passwords = _passwords(socket.credential.user.pk for socket in ours)
    living = _living(map(ground, ours))
    for socket in ours:
        user = socket.credential.user
        if ground(socket) not in living or not _may_go_on(
            user, ground(socket), passwords.get(user.pk)
        ):
            yield socket, signed_out()


def _may_go_on(user: Any, ground: str, password: str | None) -> bool:
    """A new password ends what signing in with the old one gave, and no key."""
    return password is not None and (password == user.password or ground.startswith(API_KEY))


def _passwords(user_ids: Iterable[Any]) -> dict[Any, str]:
    """As they are kept, of those who may sign in."""
    return dict(who_may_sign_in().filter(pk__in=set(user_ids)).values_list("pk", "password"))


def _living(grounds: Iterable[str]) -> set[str]:
    """Of a kind that is not known, none."""
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for ground in grounds:
        kind, _, key = ground.partition(":")
        keys[kind].add(key)
    return {
        f"{kind}:{key}"
        for kind, living in _LIVING.items()
        if keys[kind]
        for key in living(keys[kind])
    }


def _sessions(keys: set[str]) -> set[str]:
    """One query where sessions are rows; other engines have no way to ask for many at once."""
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if not hasattr(store, "get_model_class"):
        return {key for key in keys if store(key).load()}
    rows = store.get_model_class().objects.filter(
        session_key__in=keys, expire_date__gt=timezone.now()
    )
    return set(rows.values_list("session_key", flat=True))


def _families(keys: set[str]) -> set[str]:
    return keys - set(RevokedFamily.objects.filter(pk__in=keys).values_list("pk", flat=True))


def _api_keys(keys: set[str]) -> set[str]:
    return {str(pk) for pk in good_keys().filter(pk__in=keys).values_list("pk", flat=True)}


_LIVING: dict[str, Callable[[set[str]], set[str]]] = {
    SESSION: _sessions,
    TOKEN: _families,
    API_KEY: _api_keys,
}
