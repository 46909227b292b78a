"""Who may do what with a topic. Nothing else decides it.

In `user:<id>:…` only that person subscribes, and only staff and API keys publish; everything else
is for anyone signed in.
"""

from accounts.access import is_staff_now
from accounts.scopes import Scope, allow
from realtime.credentials import Credential
from topics.names import owner_of

PUBLISH, SUBSCRIBE = Scope.TOPICS_PUBLISH, Scope.TOPICS_SUBSCRIBE


def is_open(topic: str) -> bool:
    """Whether anyone signed in may subscribe and publish."""
    return owner_of(topic) is None


def may_subscribe(credential: Credential, topic: str) -> bool:
    return allow(credential.scopes, SUBSCRIBE) and (
        is_open(topic) or owner_of(topic) == credential.person.id
    )


def may_publish(credential: Credential, topic: str) -> bool:
    """One query for somebody's own topic: a socket may outlive its person's being staff."""
    if credential.scopes is not None:
        return allow(credential.scopes, PUBLISH)
    return is_open(topic) or is_staff_now(credential.user)
