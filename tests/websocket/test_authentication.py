"""Who is at the other end of a socket: tokens, sessions, and which of all that is shown counts."""

import asyncio
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from rest_framework_simplejwt.tokens import AccessToken

from accounts import actions, api_keys, sockets, tokens
from accounts.handshake import Handshake
from accounts.sockets import SocketAuthentication
from realtime import consumer
from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.hub import hubs
from realtime.testing import connected
from tests.handshakes import (
    OWN,
    SITE,
    Door,
    access_of,
    bearer,
    cookie,
    credential,
    refusal,
    scope_of,
    shown,
    shows,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


# --- nothing shown ---


async def test_who_shows_nothing_is_nobody_and_costs_no_query(monkeypatch):
    monkeypatch.setattr(sockets, "authenticate", None)
    assert await credential() is None
    assert await credential(OWN) is None
    assert await credential(OWN, query="after=3") is None


# --- tokens ---


async def test_an_access_token_says_who_and_until_when(ada):
    access = await sync_to_async(access_of)(ada)
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
    access = await sync_to_async(access_of)(ada)
    assert await refusal(bearer(access), bearer(access))


async def test_a_refresh_token_opens_no_socket(ada):
    pair = await sync_to_async(tokens.issue)(ada)
    assert await refusal(bearer(pair.refresh))


async def test_a_token_in_the_url_is_no_ticket(ada):
    access = await sync_to_async(access_of)(ada)
    assert await refusal(query=f"ticket={access}")
    assert await credential(query=f"token={access}&access={access}") is None


async def test_an_inactive_user_is_refused_whatever_is_shown(ada, session):
    access = await sync_to_async(access_of)(ada)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada)
    await get_user_model().objects.aupdate(is_active=False)
    assert await refusal(bearer(access))
    assert await refusal(query=f"ticket={ticket}")
    assert await refusal(OWN, cookie(session))


async def test_a_changed_password_ends_whatever_was_shown_before(ada, session):
    access = await sync_to_async(access_of)(ada)
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
    found = await credential(bearer(await sync_to_async(access_of)(ada)))
    later = AccessToken.for_user(ada)
    later.set_exp(lifetime=timedelta(hours=1))
    renewed = await found.refresh(str(later))
    assert (renewed.user, renewed.expires) == (ada, later["exp"])


async def test_a_token_is_not_refreshed_by_anothers_or_a_bad_one(ada, bob):
    pair = await sync_to_async(tokens.issue)(ada)
    found = await credential(bearer(pair.access))
    with pytest.raises(FrameError) as error:
        await found.refresh(await sync_to_async(access_of)(bob))
    assert error.value.code == ErrorCode.FORBIDDEN
    for bad in ("", "x", "\ud800", pair.refresh):
        with pytest.raises(FrameError) as error:
            await found.refresh(bad)
        assert error.value.code == ErrorCode.NOT_SIGNED_IN


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
    access = await sync_to_async(access_of)(bob)
    ticket = await sync_to_async(actions.issue_ticket)(user=bob)
    found = await credential(bearer(access), OWN, cookie(session), query=f"ticket={ticket}")
    assert (found.user, found.kind) == (bob, "token")
    found = await credential(OWN, cookie(session), query=f"ticket={ticket}")
    assert (found.user, found.kind) == (bob, "ticket")


# --- cost and failure ---


@pytest.mark.parametrize(
    "kind", ["token", "key", "ticket", "session ticket", "key ticket", "session"]
)
def test_authentication_takes_at_most_three_queries(kind, ada, session):
    key = api_keys.issue(user=ada, name="test", scopes=[])
    headers, query = {
        "key": ([shows(key)], ""),
        "key ticket": ([], "ticket=" + actions.issue_ticket(user=ada, api_key=key)),
        "token": ([bearer(access_of(ada))], ""),
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
    expected = {
        "token": 1,
        "key": 2,
        "ticket": 2,
        "session ticket": 3,
        "key ticket": 2,
        "session": 2,
    }
    assert len(asked) == expected[kind]


async def test_while_the_database_is_away_the_client_is_asked_to_return(ada, monkeypatch):
    def away(handshake):
        raise OperationalError("away")

    monkeypatch.setattr(sockets, "authenticate", away)
    async with at_the_door(query="ticket=x") as socket:
        error = socket.frames[0]
        assert (error["code"], error["retry_after"]) == ("unavailable", 2.0)
        assert await socket.closed() == 4503


async def test_headers_that_nobody_sends_do_no_harm():
    scope = scope_of(("cookie", "a=b"), ("cookie", "c=d"), ("x" * 9000, "\xff" * 9000))
    scope["headers"].append((b"\xff\xfe", b"\x00"))
    scope["query_string"] = b"&&==%%%&ticke=\xff&;"
    assert not sockets._shows_anything(Handshake.of(scope))


# --- through a consumer ---


def at_the_door(*headers, query=""):
    door = SocketAuthentication(Door.as_asgi())
    return connected(door, f"/ws/x/?{query}", headers={"host": SITE, **dict(headers)})


async def closed_with(*headers, query=""):
    async with at_the_door(*headers, query=query) as socket:
        error, code = socket.frames[0], await socket.closed()
    return error["type"], error.get("code"), code


async def test_a_refused_socket_is_told_why_and_closed(session):
    told = ("error", "not_signed_in", 4401)
    assert await closed_with() == told
    assert await closed_with(bearer("x"), OWN, cookie(session)) == told
    assert await closed_with(query="ticket=x") == told
    assert await closed_with(cookie(session)) == told


async def test_a_socket_ends_when_its_token_does(ada, monkeypatch):
    token = AccessToken.for_user(ada)
    half_a_second_before = SimpleNamespace(time=lambda: token["exp"] - 0.5)
    monkeypatch.setattr(consumer, "time", half_a_second_before)
    loop = asyncio.get_running_loop()
    opened = loop.time()
    async with at_the_door(bearer(token)) as socket:
        (one,) = hubs.get().sockets
        assert opened + 0.5 <= one._expiry.when() <= loop.time() + 0.5
        assert socket.frames[0]["type"] == "pong"
        assert (await socket.until("error"))["code"] == "not_signed_in"
        assert await socket.closed() == 4401
        assert loop.time() >= one._expiry.when()


async def test_what_was_shown_is_not_kept_where_a_log_could_find_it(ada):
    access = await sync_to_async(lambda: tokens.issue(ada).access)()
    scope = await shown(("authorization", f"Bearer {access}"), ("x-other", "kept"))
    assert scope["credential"].user == ada
    assert access not in repr(scope["headers"])
    assert (b"x-other", b"kept") in scope["headers"]
