"""What opens a socket without a person being there: API keys, and tickets got with anything."""

import asyncio
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from accounts import actions, api_keys, tokens
from accounts.models import ApiKey, Ticket
from tests.handshakes import (
    OWN,
    access_of,
    bearer,
    cookie,
    credential,
    refusal,
    session_of,
    shown,
    shows,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


# --- API keys ---


@pytest.mark.parametrize("key", ["", "x", "é"])
async def test_a_bad_api_key_is_refused_even_beside_a_good_session(key, session):
    assert await refusal(("x-api-key", key), OWN, cookie(session))


async def key_of(user, *scopes, **fields):
    issue = sync_to_async(api_keys.issue)
    return await issue(user=user, name="test", scopes=scopes, **fields)


async def test_a_key_says_who_and_for_what(ada):
    key = await key_of(ada, "rooms:read", "rooms:post")
    found = await credential(shows(key))
    assert (found.user, found.person.name, found.kind) == (ada, "Ada", "api-key")
    assert found.scopes == {"rooms:read", "rooms:post"}
    assert found.ground == f"api-key:{key.pk}"
    assert (found.expires, found.refresh) == (None, None)


async def test_a_key_that_ends_ends_the_socket_and_no_token_prolongs_it(ada):
    ends = timezone.now() + timedelta(minutes=1)
    found = await credential(shows(await key_of(ada, expires_at=ends)))
    assert (found.expires, found.refresh) == (ends.timestamp(), None)


async def test_a_person_who_signed_in_has_no_scopes_and_needs_none(ada, session):
    assert (await credential(OWN, cookie(session))).scopes is None
    assert (await credential(bearer(await sync_to_async(access_of)(ada)))).scopes is None


@pytest.mark.parametrize("kind", ["revoked", "expired", "of nobody active", "twice"])
async def test_a_key_that_is_not_good_any_more_is_refused(kind, ada, session):
    key = await key_of(ada, "rooms:read")
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, api_key=key)
    if kind == "revoked":
        await sync_to_async(api_keys.revoke)(key=key)
    elif kind == "expired":
        await ApiKey.objects.aupdate(expires_at=timezone.now())
    elif kind == "of nobody active":
        await get_user_model().objects.aupdate(is_active=False)
    headers = [shows(key)] * (2 if kind == "twice" else 1)
    assert await refusal(*headers, OWN, cookie(session))
    if kind != "twice":
        assert await refusal(OWN, cookie(session), query=f"ticket={ticket}")


async def test_a_ticket_got_with_a_key_is_worth_what_the_key_is(ada):
    ends = timezone.now() + timedelta(minutes=1)
    key = await key_of(ada, "rooms:read", expires_at=ends)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, api_key=key, ends_at=ends)
    found = await credential(query=f"ticket={ticket}")
    assert (found.user, found.kind, found.scopes) == (ada, "ticket", {"rooms:read"})
    assert (found.expires, found.refresh) == (ends.timestamp(), None)
    assert found.ground == f"api-key:{key.pk}"


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
    access = await sync_to_async(access_of)(ada)
    renewed = await found.refresh(access)
    assert renewed.expires == AccessToken(access)["exp"]
    assert renewed.ground == f"token:{AccessToken(access)['family']}" != found.ground


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


async def test_a_ticket_got_with_a_token_ends_when_that_is_revoked(ada):
    pair = await sync_to_async(tokens.issue)(ada)
    family = AccessToken(pair.access)["family"]
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, family=family)
    await sync_to_async(actions.revoke_token)(refresh=pair.refresh)
    assert await refusal(query=f"ticket={ticket}")
    assert await refusal(bearer(pair.access))


async def test_a_socket_stands_on_what_opened_it_also_through_a_ticket(ada, session):
    key, access = session.session_key, await sync_to_async(access_of)(ada)
    family = AccessToken(access)["family"]
    by_session = await sync_to_async(actions.issue_ticket)(user=ada, session_key=key)
    by_token = await sync_to_async(actions.issue_ticket)(user=ada, family=family)
    for found in (
        await credential(OWN, cookie(session)),
        await credential(query=f"ticket={by_session}"),
    ):
        assert found.ground == f"session:{key}"
    for found in (
        await credential(bearer(access)),
        await credential(query=f"ticket={by_token}"),
    ):
        assert found.ground == f"token:{family}"


async def test_a_ticket_is_not_saved_by_anothers_session(ada, bob):
    other = await sync_to_async(session_of)(bob)
    ticket = await sync_to_async(actions.issue_ticket)(user=ada, session_key=other.session_key)
    assert await refusal(query=f"ticket={ticket}")
