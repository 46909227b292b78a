import asyncio
import time
from datetime import timedelta
from importlib import import_module

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from accounts import actions, sockets, tokens
from accounts.handshake import Handshake
from accounts.models import Ticket
from accounts.sockets import SocketAuthentication
from realtime.close_codes import ErrorCode
from realtime.consumer import SocketConsumer
from realtime.errors import FrameError
from realtime.frames import Decoder, Pong

pytestmark = pytest.mark.django_db(transaction=True)

SITE = "chat.example"
OWN = ("origin", f"http://{SITE}")


@pytest.fixture(autouse=True)
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


# --- origins ---

FOREIGN = {
    "no page": "null",
    "empty": "",
    "another scheme": f"https://{SITE}",
    "another port": f"http://{SITE}:8000",
    "a subdomain": f"http://a.{SITE}",
    "a parent": "http://example",
    "an evil prefix": f"http://evil{SITE}",
    "an evil suffix": f"http://{SITE}.evil.example",
    "a user": f"http://{SITE}@evil.example",
    "our name as user": f"http://evil.example@{SITE}",
    "a path": f"http://{SITE}/",
    "a query": f"http://{SITE}?",
    "another protocol": f"ftp://{SITE}",
    "no protocol": SITE,
    "a port that is none": f"http://{SITE}:x",
    "a port beyond all": f"http://{SITE}:99999",
    "half an address": "http://[::1",
    "other letters": "http://ch\u0430t.example",
    "two in one": f"http://{SITE} http://{SITE}",
    "a tab": f"http://{SITE}\t",
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_foreign_origin_is_kept_outside(kind):
    assert await shown(("origin", FOREIGN[kind])) is None


async def test_a_foreign_origin_is_kept_outside_whatever_it_shows(ada, session):
    access = await sync_to_async(_access)(ada)
    assert await shown(("origin", "http://evil.example"), bearer(access)) is None
    assert await shown(("origin", "http://evil.example"), cookie(session)) is None


async def test_two_origins_are_one_too_many():
    assert await shown(OWN, OWN) is None


async def test_a_foreign_page_sees_http_403():
    socket = WebsocketCommunicator(
        SocketAuthentication(Door.as_asgi()),
        "/ws/x/",
        headers=[(b"host", SITE.encode()), (b"origin", b"http://evil.example")],
    )
    connected, _ = await socket.connect()
    assert not connected


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (f"http://{SITE}", SITE, "ws"),
        (f"http://{SITE}", f"{SITE}:80", "ws"),
        (f"http://{SITE}:80", SITE, "ws"),
        (f"https://{SITE}", f"{SITE}:443", "wss"),
        (f"http://{SITE}:8000", f"{SITE}:8000", "ws"),
        (f"http://{SITE.upper()}", SITE, "ws"),
    ],
)
async def test_the_sites_own_origin_comes_in(origin, host, scheme):
    assert await shown(("origin", origin), host=host, scheme=scheme) is not None


async def test_an_ipv6_site_has_an_origin_too(settings):
    settings.ALLOWED_HOSTS = ["[::1]"]
    assert await shown(("origin", "http://[::1]:8000"), host="[::1]:8000") is not None


@pytest.mark.parametrize("host", ["evil.example", "", f"{SITE}/x", f"{SITE}:x", f"a@{SITE}", "["])
async def test_a_host_that_is_not_ours_makes_no_origin_our_own(host):
    assert await shown(("origin", f"http://{host}"), host=host) is None


async def test_any_host_allowed_does_not_mean_any_origin(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert await shown(OWN) is not None
    assert await shown(("origin", "http://evil.example")) is None


async def test_a_trusted_origin_comes_in(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example:8443", "https://*.team.example"]
    assert await shown(("origin", "https://app.example:8443")) is not None
    assert await shown(("origin", "https://a.b.team.example")) is not None
    for origin in (
        "https://app.example",
        "http://app.example:8443",
        "https://team.example",
        "https://evilteam.example",
        "http://a.team.example",
        "https://a.team.example:8443",
    ):
        assert await shown(("origin", origin)) is None


@pytest.mark.parametrize("told", ["https", "wss", "https, http"])
async def test_a_trusted_proxy_tells_the_scheme(told, settings):
    told = ("x-forwarded-proto", told)
    assert await shown(("origin", f"https://{SITE}"), told) is None
    settings.TRUSTED_PROXIES = 1
    assert await shown(("origin", f"https://{SITE}"), told) is not None
    assert await shown(OWN, told) is None


# --- nothing shown ---


async def test_who_shows_nothing_is_nobody_and_costs_no_query(monkeypatch):
    monkeypatch.setattr(sockets, "authenticate", None)
    assert await credential() is None
    assert await credential(OWN) is None
    assert await credential(OWN, query="after=3") is None


# --- tokens ---


def _access(user):
    return tokens.issue(user).access


async def test_an_access_token_says_who_and_until_when(ada):
    access = await sync_to_async(_access)(ada)
    found = await credential(bearer(access))
    assert (found.user, found.person.name, found.kind) == (ada, "Ada", "token")
    assert found.expires == AccessToken(access)["exp"]


@pytest.mark.parametrize(
    "header",
    ["", " ", "Bearer", "Bearer ", "Bearer x", "Bearer a.b.c", "Basic YTpi", "x", "Bearer é.\xff."],
)
async def test_a_bad_authorization_is_refused_even_beside_a_good_session(header, session):
    assert await refusal(("authorization", header), OWN, cookie(session))


async def test_two_authorizations_are_refused(ada):
    access = await sync_to_async(_access)(ada)
    assert await refusal(bearer(access), bearer(access))


async def test_a_refresh_token_opens_no_socket(ada):
    pair = await sync_to_async(tokens.issue)(ada)
    assert await refusal(bearer(pair.refresh))


async def test_a_token_in_the_url_is_no_ticket(ada):
    access = await sync_to_async(_access)(ada)
    assert await refusal(query=f"ticket={access}")
    assert await credential(query=f"token={access}&access={access}") is None


async def test_an_inactive_user_is_refused_whatever_is_shown(ada, session):
    access = await sync_to_async(_access)(ada)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    await get_user_model().objects.aupdate(is_active=False)
    assert await refusal(bearer(access))
    assert await refusal(query=f"ticket={ticket}")
    assert await refusal(OWN, cookie(session))


async def test_a_changed_password_ends_whatever_was_shown_before(ada, session):
    access = await sync_to_async(_access)(ada)
    got = [
        await sync_to_async(actions.issue_ticket)(user=ada, session_key=key)
        for key in ("", session.session_key)
    ]
    ada.set_password("another")
    await ada.asave()
    assert await refusal(bearer(access))
    assert await refusal(query=f"ticket={got[0]}")
    assert await refusal(query=f"ticket={got[1]}")
    assert await refusal(OWN, cookie(session))


async def test_a_token_is_refreshed_by_another_of_the_same_user(ada, bob):
    found = await credential(bearer(await sync_to_async(_access)(ada)))
    later = AccessToken.for_user(ada)
    later.set_exp(lifetime=timedelta(hours=1))
    assert await found.refresh(str(later)) == later["exp"]


async def test_a_token_is_not_refreshed_by_anothers_or_a_bad_one(ada, bob):
    pair = await sync_to_async(tokens.issue)(ada)
    found = await credential(bearer(pair.access))
    with pytest.raises(FrameError) as error:
        await found.refresh(await sync_to_async(_access)(bob))
    assert error.value.code == ErrorCode.FORBIDDEN
    for bad in ("", "x", "\ud800", pair.refresh):
        with pytest.raises(FrameError) as error:
            await found.refresh(bad)
        assert error.value.code == ErrorCode.NOT_SIGNED_IN


# --- API keys ---


@pytest.mark.parametrize("key", ["", "x", "é"])
async def test_a_bad_api_key_is_refused_even_beside_a_good_session(key, session):
    assert await refusal(("x-api-key", key), OWN, cookie(session))


# --- tickets ---


async def test_a_ticket_opens_one_socket(ada):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    found = await credential(query=f"ticket={ticket}&after=0")
    assert (found.user, found.person.name, found.kind) == (ada, "Ada", "ticket")
    assert await refusal(query=f"ticket={ticket}")


async def test_of_a_hundred_uses_of_a_ticket_at_once_one_gets_in(ada):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    scopes = await asyncio.gather(*(shown(query=f"ticket={ticket}") for _ in range(100)))
    assert sum(scope["credential"] is not None for scope in scopes) == 1
    assert sum(scope["refused"] != "" for scope in scopes) == 99


@pytest.mark.parametrize("query", ["ticket=", "ticket=x", "ticket=%00", "ticket=%ff%fe", "ticket"])
async def test_a_bad_ticket_is_refused_even_beside_a_good_session(query, session):
    assert await refusal(OWN, cookie(session), query=query)


async def test_two_tickets_are_refused_and_neither_is_spent(ada):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    assert await refusal(query=f"ticket={ticket}&ticket={ticket}")
    assert await credential(query=f"ticket={ticket}")


async def test_an_expired_ticket_is_refused(ada):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    await Ticket.objects.aupdate(expires_at=timezone.now())
    assert await refusal(query=f"ticket={ticket}")


async def test_a_ticket_got_with_a_token_ends_and_is_refreshed_as_the_token(ada):
    ends_at = timezone.now() + timedelta(minutes=1)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, ends_at=ends_at)
    found = await credential(query=f"ticket={ticket}")
    assert found.expires == ends_at.timestamp()
    access = await sync_to_async(_access)(ada)
    assert await found.refresh(access) == AccessToken(access)["exp"]


async def test_a_ticket_does_not_outlive_its_token(ada):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, ends_at=timezone.now())
    assert await refusal(query=f"ticket={ticket}")


async def test_a_ticket_got_with_a_session_ends_when_that_logs_out(ada, session):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, session_key=session.session_key)
    await sync_to_async(session.flush)()
    assert await refusal(query=f"ticket={ticket}")


async def test_a_ticket_got_with_a_session_opens_a_socket_that_does_not_expire(ada, session):
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, session_key=session.session_key)
    found = await credential(query=f"ticket={ticket}")
    assert (found.user, found.expires, found.refresh) == (ada, None, None)


async def test_a_ticket_is_not_saved_by_anothers_session(ada, bob):
    other = await sync_to_async(session_of)(bob)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, session_key=other.session_key)
    assert await refusal(query=f"ticket={ticket}")


# --- sessions ---


async def test_a_session_says_who(ada, session):
    found = await credential(OWN, cookie(session))
    assert (found.user, found.person.name, found.kind) == (ada, "Ada", "session")
    assert (found.expires, found.refresh) == (None, None)


async def test_a_session_cookie_without_an_origin_is_refused(session):
    assert await refusal(cookie(session))


async def test_a_session_without_a_user_is_no_credential():
    store = import_module("django.contrib.sessions.backends.db").SessionStore()
    await sync_to_async(store.create)()
    assert await credential(OWN, cookie(store)) is None


@pytest.mark.parametrize("key", ["x", "a" * 32, "a" * 5000, "é", "\x01\x02", "'; --"])
async def test_a_session_that_never_was_is_no_credential(key):
    assert await credential(OWN, ("cookie", f"sessionid={key}")) is None


@pytest.mark.parametrize("header", ["", ";", "=", "sessionid", "sessionid=", "\xff=\xff"])
async def test_a_cookie_that_cannot_be_read_is_no_credential(header):
    assert await credential(OWN, ("cookie", header)) is None


async def test_a_session_that_has_ended_is_no_credential(session):
    await sync_to_async(session.flush)()
    assert await credential(OWN, cookie(session)) is None


async def test_a_session_of_a_deleted_user_is_refused(ada, session):
    await ada.adelete()
    assert await refusal(OWN, cookie(session))


async def test_a_session_made_with_the_last_secret_key_still_counts(ada, session, settings):
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 60
    # The stored session is signed with the same key: sign it anew, with the old stamp in it.
    await sync_to_async(session.save)()
    key = session.session_key
    assert (await credential(OWN, cookie(session))).user == ada
    assert (await credential(OWN, ("cookie", f"sessionid={key}"))).user == ada


# --- in the order of the contract ---


async def test_the_first_credential_shown_decides(ada, bob, session):
    access = await sync_to_async(_access)(bob)
    ticket = await sync_to_async(actions.issue_ticket)(user=bob)
    found = await credential(bearer(access), OWN, cookie(session), query=f"ticket={ticket}")
    assert (found.user, found.kind) == (bob, "token")
    found = await credential(OWN, cookie(session), query=f"ticket={ticket}")
    assert (found.user, found.kind) == (bob, "ticket")


# --- cost and failure ---


@pytest.mark.parametrize("kind", ["token", "ticket", "session ticket", "session"])
def test_authentication_takes_at_most_three_queries(kind, ada, session):
    headers, query = {
        "token": ([bearer(_access(ada))], ""),
        "ticket": ([], "ticket=" + actions.issue_ticket(user=ada)),
        "session ticket": (
            [],
            "ticket=" + actions.issue_ticket(user=ada, session_key=session.session_key),
        ),
        "session": ([OWN, cookie(session)], ""),
    }[kind]
    handshake = Handshake.of(scope_of(*headers, query=query))
    with CaptureQueriesContext(connection) as queries:
        assert sockets.authenticate(handshake).person.name == "Ada"
    asked = [
        query["sql"]
        for query in queries.captured_queries
        if not query["sql"].startswith(("BEGIN", "COMMIT"))
    ]
    assert len(asked) == {"token": 1, "ticket": 2, "session ticket": 3, "session": 2}[kind]


async def test_while_the_database_is_away_the_client_is_asked_to_return(ada, monkeypatch):
    def away(handshake):
        raise OperationalError("away")

    monkeypatch.setattr(sockets, "authenticate", away)
    socket = WebsocketCommunicator(
        SocketAuthentication(Door.as_asgi()), "/ws/x/?ticket=x", headers=[]
    )
    assert (await socket.connect())[0]
    error = await socket.receive_json_from()
    assert (error["code"], error["retry_after"]) == ("unavailable", 2.0)
    assert (await socket.receive_output())["code"] == 4503


async def test_headers_that_nobody_sends_do_no_harm():
    scope = scope_of(("cookie", "a=b"), ("cookie", "c=d"), ("x" * 9000, "\xff" * 9000))
    scope["headers"].append((b"\xff\xfe", b"\x00"))
    scope["query_string"] = b"&&==%%%&ticke=\xff&;"
    assert not sockets._shows_anything(Handshake.of(scope))


# --- through a consumer ---


class Door(SocketConsumer):
    decoder = Decoder([])

    async def enter(self):
        self.answer(Pong(timestamp=timezone.now()))


async def closed_with(*headers, query=""):
    socket = WebsocketCommunicator(
        SocketAuthentication(Door.as_asgi()),
        f"/ws/x/?{query}",
        headers=[(name.encode(), value.encode()) for name, value in [("host", SITE), *headers]],
    )
    assert (await socket.connect())[0]
    error = await socket.receive_json_from()
    return error["type"], error.get("code"), (await socket.receive_output()).get("code")


async def test_a_refused_socket_is_told_why_and_closed(session):
    told = ("error", "not_signed_in", 4401)
    assert await closed_with() == told
    assert await closed_with(bearer("x"), OWN, cookie(session)) == told
    assert await closed_with(query="ticket=x") == told
    assert await closed_with(cookie(session)) == told


async def test_a_socket_ends_when_its_token_does(ada):
    token = AccessToken.for_user(ada)
    token.set_exp(lifetime=timedelta(seconds=2))
    opened = time.time()
    socket = WebsocketCommunicator(
        SocketAuthentication(Door.as_asgi()),
        "/ws/x/",
        headers=[(b"authorization", f"Bearer {token}".encode())],
    )
    assert (await socket.connect())[0]
    assert (await socket.receive_json_from())["type"] == "pong"
    assert (await socket.receive_json_from(timeout=5))["code"] == "not_signed_in"
    assert (await socket.receive_output())["code"] == 4401
    assert time.time() - opened < 4
