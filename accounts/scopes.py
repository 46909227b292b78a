"""What an API key may be for. A key without a scope can do nothing that the scope names.

A person who signed in has no scopes and needs none: `scopes` is None for them.
"""

from enum import StrEnum


class Scope(StrEnum):
    NOTIFICATIONS_SEND = "notifications:send"
    ORDERS_WRITE = "orders:write"
    ROOMS_READ = "rooms:read"
    ROOMS_POST = "rooms:post"
    TOPICS_PUBLISH = "topics:publish"
    TOPICS_SUBSCRIBE = "topics:subscribe"


Scopes = frozenset[str] | None


def allow(scopes: Scopes, scope: str | None) -> bool:
    """Whether these scopes are enough. What has no scope (None) is for people alone."""
    return scopes is None or scope in scopes
