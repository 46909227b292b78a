"""Handshakes, and what the authentication makes of them."""

from importlib import import_module

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.utils import timezone

from accounts import tokens
from accounts.sockets import SocketAuthentication
from realtime.consumer import SocketConsumer
from realtime.frames import Decoder, Pong

SITE = "chat.example"
OWN = ("origin", f"http://{SITE}")


def session_of(user):
    store = import_module("django.contrib.sessions.backends.db").SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()
    return store


def cookie(store):
    return ("cookie", f"csrftoken=x; sessionid={store.session_key}")


def bearer(access):
    return ("authorization", f"Bearer {access}")


def shows(key):
    return ("x-api-key", key.text)


def scope_of(*headers, query="", scheme="ws", host=SITE):
    return {
        "type": "websocket",
        "path": "/ws/x/",
        "scheme": scheme,
        "query_string": query.encode(),
        "headers": [
            (name.encode(), value.encode("latin-1", "replace"))
            for name, value in [*([("host", host)] if host else []), *headers]
        ],
    }


async def shown(*headers, **where):
    """The scope that the consumer behind gets; None where the handshake is refused with 403."""
    passed, sent = [], []

    async def inner(scope, receive, send):
        passed.append(scope)

    async def send(message):
        sent.append(message)

    await SocketAuthentication(inner)(scope_of(*headers, **where), None, send)
    if not passed:
        assert sent == [{"type": "websocket.close"}]
        return None
    assert not sent
    return passed[0]


async def credential(*headers, **where):
    scope = await shown(*headers, **where)
    assert scope["refused"] == ""
    return scope["credential"]


async def refusal(*headers, **where):
    scope = await shown(*headers, **where)
    assert scope["credential"] is None
    return scope["refused"]


def access_of(user):
    return tokens.issue(user).access


class Door(SocketConsumer):
    decoder = Decoder([])

    async def enter(self):
        self.answer(Pong(timestamp=timezone.now()))
