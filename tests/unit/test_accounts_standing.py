"""Whether a socket's credential still holds, asked for many sockets at once."""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import standing, tokens
from accounts.models import RevokedFamily
from accounts.queries import person, user_by_id
from realtime.credentials import Credential
from realtime.errors import Refused

pytestmark = pytest.mark.django_db

User = get_user_model()


class Socket:
    def __init__(self, user: Any, ground: str) -> None:
        self.credential = Credential(
            user=user_by_id(user.pk), person=person(user), kind="test", ground=ground
        )

    def end(self, refusal: Refused) -> None: ...


def session_of(user: Any, engine: str = "django.contrib.sessions.backends.db") -> str:
    store = import_module(engine).SessionStore()
    store["_auth_user_id"] = str(user.pk)
    store.create()
    store.save()  # signed cookies have no key before
    key: str = store.session_key
    return key


def by_session(user: Any) -> Socket:
    return Socket(user, standing.session_ground(session_of(user)))


def by_token(user: Any) -> Socket:
    token = tokens.read_access(tokens.issue(user).access)
    return Socket(user, standing.token_ground(tokens.family_of(token)))


def ended(*sockets: Socket) -> list[int]:
    """Which of them, by their place."""
    out = {socket: refusal.close_code for socket, refusal in standing.check(sockets)}
    assert set(out.values()) <= {4401}
    return [place for place, socket in enumerate(sockets) if socket in out]


@pytest.fixture
def ada() -> Any:
    return User.objects.create_user("ada", password="one")


@pytest.fixture
def bob() -> Any:
    return User.objects.create_user("bob", password="one")


def change_password(user: Any) -> None:
    user.set_password("two")
    user.save()


CAUSES: dict[str, Callable[[Any], Any]] = {
    "a changed password": change_password,
    "a user who may not sign in": lambda user: User.objects.filter(pk=user.pk).update(
        is_active=False
    ),
    "a deleted user": lambda user: user.delete(),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_what_becomes_of_a_user_becomes_of_all_their_sockets(
    cause: str, ada: Any, bob: Any
) -> None:
    sockets = [by_session(ada), by_token(ada), by_session(bob), by_token(bob)]
    assert ended(*sockets) == []
    CAUSES[cause](ada)
    assert ended(*sockets) == [0, 1]


def test_with_a_session_ends_what_it_opened_and_nothing_else(ada: Any) -> None:
    first, second, token = by_session(ada), by_session(ada), by_token(ada)
    Session.objects.get(pk=first.credential.ground.removeprefix("session:")).delete()
    assert ended(first, second, token) == [0]


def test_a_session_that_has_expired_is_none(ada: Any) -> None:
    socket = by_session(ada)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert ended(socket) == [0]


def test_with_a_family_of_tokens_ends_what_they_opened_and_nothing_else(ada: Any) -> None:
    first, second, session = by_token(ada), by_token(ada), by_session(ada)
    family = first.credential.ground.removeprefix("token:")
    RevokedFamily.objects.create(family=family, expires_at=timezone.now())
    assert ended(first, second, session) == [0]


def test_a_ground_of_a_kind_that_is_not_known_holds_nobody(ada: Any) -> None:
    assert ended(Socket(ada, "word of honour:7"), by_session(ada)) == [0]


def test_what_accounts_did_not_let_in_is_not_theirs_to_end(ada: Any) -> None:
    socket = Socket(ada, "")
    ada.delete()
    assert ended(socket) == []


@pytest.mark.parametrize("people", [1, 40])
def test_the_number_of_queries_does_not_depend_on_the_number_of_sockets(
    people: int, django_assert_num_queries: Callable[..., Any]
) -> None:
    users = [User.objects.create_user(f"user{n}") for n in range(people)]
    sockets = [make(user) for user in users for make in (by_session, by_token)]
    with django_assert_num_queries(3):
        assert ended(*sockets) == []


@pytest.mark.parametrize("engine", ["cache", "cached_db", "signed_cookies", "file"])
def test_sessions_of_any_engine_are_found(
    engine: str, ada: Any, settings: Any, tmp_path: Any
) -> None:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    key = session_of(ada, settings.SESSION_ENGINE)
    lives = Socket(ada, standing.session_ground(key))
    never_was = Socket(ada, standing.session_ground("x" * 32))
    assert ended(lives, never_was) == [1]
