from collections.abc import AsyncIterator

import pytest
from django.conf import settings

from chat.unread import unread_board
from realtime import database
from realtime.hub import hubs
from realtime.presence import presences
from tests.cast import Cast, make_cast


def pytest_configure() -> None:
    """Fast where it proves nothing to be slow: hashing passwords, syncing the disk."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"]["init_command"] += "PRAGMA synchronous=OFF;"


@pytest.fixture(autouse=True)
async def engine(_django_db_marker: None) -> AsyncIterator[None]:
    """Every test has an engine of its own, ended before its database is emptied."""
    yield
    for services in (unread_board, presences, hubs):
        for service in services.all():
            await service.close()
    database.shutdown()


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Owner, member, guest, stranger, staff, and the rooms they meet in."""
    return make_cast()
