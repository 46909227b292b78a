"""The people who show something at the door of the site, and the topics that they follow."""

from collections.abc import AsyncIterator

import pytest
from django.contrib.auth import get_user_model

from accounts import actions
from tests.cast import Cast
from tests.handshakes import SITE, session_of
from tests.sockets import Socket
from tests.topics import at_topics
from topics import backend
from topics.store import MemoryTopics


@pytest.fixture(autouse=True)
def in_no_hurry(unhurried: None) -> None:
    """Not one of them waits for a time-out, but those that set it."""


@pytest.fixture
def site(settings):
    settings.ALLOWED_HOSTS = [SITE]
    settings.CSRF_TRUSTED_ORIGINS = []
    settings.TRUSTED_PROXIES = 0


@pytest.fixture
def ada():
    user = get_user_model().objects.create_user("ada", password=None)
    actions.rename(user=user, name="Ada")
    return user


@pytest.fixture
def bob():
    return get_user_model().objects.create_user("bob", password=None)


@pytest.fixture
def session(ada):
    return session_of(ada)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryTopics:
    """Of topics."""
    store = MemoryTopics()
    monkeypatch.setattr(backend, "_store", lambda _: store)
    return store


@pytest.fixture
async def owner(cast: Cast, store: MemoryTopics) -> AsyncIterator[Socket]:
    """At the socket of topics."""
    async with at_topics(cast.owner) as socket:
        yield socket
