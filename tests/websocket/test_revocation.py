"""What lets somebody in ends, and with it their sockets: in one process, by whatever way."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client

from accounts import actions, tokens
from accounts.sockets import SocketAuthentication
from realtime import sweep
from realtime.testing import TIMEOUT
from tests.cast import Cast
from tests.sockets import Socket, own_seconds, router

pytestmark = pytest.mark.django_db(transaction=True)

AT_ONCE = 1.0
ORIGIN = (b"origin", b"http://testserver")


class Person:
    """Somebody signed in by a session and by a token, with a socket by each way of getting in."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.client = Client()
        self.client.force_login(user)
        self.pair = tokens.issue(user)
        self.other_pair = tokens.issue(user)
        self.sockets: dict[str, Socket] = {}
        self._connections: list[WebsocketCommunicator] = []

    @property
    def family(self) -> str:
        return tokens.family_of(tokens.read_access(self.pair.access))

    async def connect(self) -> None:
        key = self.client.session.session_key or ""
        ticket = sync_to_async(actions.issue_ticket)
        by_session = await ticket(user=self.user, session_key=key)
        by_token = await ticket(user=self.user, family=self.family)
        cookie = (b"cookie", f"sessionid={key}".encode())
        await self._open("session", headers=[ORIGIN, cookie])
        await self._open("ticket of the session", query=f"?ticket={by_session}")
        await self._open("token", headers=[_bearer(self.pair.access)])
        await self._open("ticket of the token", query=f"?ticket={by_token}")
        await self._open("other token", headers=[_bearer(self.other_pair.access)])

    async def _open(
        self, name: str, *, query: str = "", headers: list[tuple[bytes, bytes]] | None = None
    ) -> None:
        app = SocketAuthentication(router)
        headers = [(b"host", b"testserver"), *(headers or [])]
        connection = WebsocketCommunicator(app, f"/ws/chat/open/{query}", headers=headers)
        assert (await connection.connect(timeout=TIMEOUT))[0]
        self._connections.append(connection)
        self.sockets[name] = Socket(connection)
        await self.sockets[name].until("welcome")

    async def close(self) -> None:
        for connection in self._connections:
            await connection.disconnect(timeout=TIMEOUT)


def _bearer(access: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {access}".encode()


SESSION = {"session", "ticket of the session"}
TOKEN = {"token", "ticket of the token"}
ALL = SESSION | TOKEN | {"other token"}


def log_out(person: Person) -> None:
    assert person.client.post("/accounts/logout/").status_code == 302


def sign_in_as_another(person: Person) -> None:
    answer = person.client.post("/accounts/login/", {"login": "owner", "password": "pass"})
    assert answer.status_code == 302


def revoke(person: Person) -> None:
    answer = Client().post(
        "/api/token/revoke/", {"refresh": person.pair.refresh}, "application/json"
    )
    assert answer.status_code == 204


def change_password(person: Person) -> None:
    person.user.set_password("another")
    person.user.save()


def deactivate(person: Person) -> None:
    person.user.is_active = False
    person.user.save()


def delete(person: Person) -> None:
    person.user.delete()


def delete_session(person: Person) -> None:
    person.client.session.delete()


def delete_session_past_us(person: Person) -> None:
    key = person.client.session.session_key
    Session.objects.filter(pk=key)._raw_delete("default")


def deactivate_many(person: Person) -> None:
    get_user_model().objects.filter(pk=person.user.pk).update(is_active=False)


TOLD: dict[str, tuple[Callable[[Person], None], set[str]]] = {
    "log-out": (log_out, SESSION),
    "signing in as another": (sign_in_as_another, SESSION),
    "deleted session": (delete_session, SESSION),
    "revoked token": (revoke, TOKEN),
    "changed password": (change_password, ALL),
    "deactivation": (deactivate, ALL),
    "deletion": (delete, ALL),
}
UNTOLD: dict[str, tuple[Callable[[Person], None], set[str]]] = {
    "session deleted past us": (delete_session_past_us, SESSION),
    "deactivation past us": (deactivate_many, ALL),
}


@pytest.fixture
async def ann(cast: Cast, settings: Any) -> Any:
    settings.ALLOWED_HOSTS = ["testserver"]
    person = await sync_to_async(Person)(cast.member)
    await person.connect()
    yield person
    await person.close()


async def assert_ended(person: Person, names: set[str], *, within: float) -> None:
    with own_seconds(within):
        for name in names:
            error = await person.sockets[name].until("error")
            assert error["code"] == "not_signed_in"
            assert await person.sockets[name].closed() == 4401
    for name in set(person.sockets) - names:
        await person.sockets[name].quiet()


@pytest.mark.parametrize("cause", TOLD)
async def test_sockets_end_at_once_with_what_opened_them(
    by_word_alone: None, ann: Person, cause: str
) -> None:
    end, names = TOLD[cause]
    await sync_to_async(end)(ann)
    await assert_ended(ann, names, within=AT_ONCE)


@pytest.mark.parametrize("cause", TOLD | UNTOLD)
async def test_what_nobody_was_told_of_is_found_by_the_sweep(
    ann: Person, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.publish.tell", lambda *_: None)
    for interval in ("INTERVAL", "INTERVAL_UNHEARD", "TICK"):
        monkeypatch.setattr(sweep, interval, 0.1)
    end, names = (TOLD | UNTOLD)[cause]
    await sync_to_async(end)(ann)
    await assert_ended(ann, names, within=3)


async def test_what_was_rolled_back_ends_nobody(ann: Person) -> None:
    def almost() -> None:
        with transaction.atomic():
            change_password(ann)
            revoke(ann)
            transaction.set_rollback(True)

    await sync_to_async(almost)()
    await assert_ended(ann, set(), within=AT_ONCE)


async def test_who_signs_in_anew_while_the_old_sockets_end_stays(ann: Person) -> None:
    """An ending names what has ended: it never hits what was opened since."""

    def change_and_sign_in() -> Person:
        change_password(ann)
        return Person(ann.user)

    again = await sync_to_async(change_and_sign_in)()
    await again.connect()
    await assert_ended(ann, ALL, within=AT_ONCE)
    await assert_ended(again, set(), within=AT_ONCE)
    await again.close()
