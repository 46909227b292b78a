from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt import tokens as library
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from accounts import tokens
from accounts.models import RevokedFamily


@pytest.fixture
def ada(db):
    return get_user_model().objects.create_user("ada")


def claims(user):
    return AccessToken.for_user(user).payload | {"aud": "chatsite", "iss": "chatsite"}


def signed(payload, *, key=None, algorithm="HS256"):
    return jwt.encode(payload, key or api_settings.SIGNING_KEY, algorithm=algorithm)


def without(payload, claim):
    return {name: value for name, value in payload.items() if name != claim}


def expired(user):
    token = AccessToken.for_user(user)
    token.set_exp(lifetime=timedelta(seconds=-1))
    return str(token)


BAD = {
    "nothing": lambda ada: "",
    "not a token": lambda ada: "a.b.c",
    "not even ASCII": lambda ada: "é.\0.\ud800",
    "unsigned": lambda ada: jwt.encode(claims(ada), None, algorithm="none"),
    "signed with another algorithm": lambda ada: signed(claims(ada), algorithm="HS512"),
    "signed with another key": lambda ada: signed(claims(ada), key="k" * 64),
    "signed with SECRET_KEY": lambda ada: signed(claims(ada), key=_secret_key()),
    "for another audience": lambda ada: signed(claims(ada) | {"aud": "other"}),
    "for no audience": lambda ada: signed(without(claims(ada), "aud")),
    "from another issuer": lambda ada: signed(claims(ada) | {"iss": "other"}),
    "expired": expired,
    "without an end": lambda ada: signed(without(claims(ada), "exp")),
    "a refresh token": lambda ada: tokens.issue(ada).refresh,
    "without a type": lambda ada: signed(without(claims(ada), "token_type")),
    "nobody's": lambda ada: signed(claims(ada) | {"user_id": "999999"}),
    "of an id that is none": lambda ada: signed(claims(ada) | {"user_id": {"a": 1}}),
    "of an id beyond the database": lambda ada: signed(claims(ada) | {"user_id": str(10**30)}),
    "without the stamp of a password": lambda ada: signed(
        without(claims(ada), api_settings.REVOKE_TOKEN_CLAIM)
    ),
}


def _secret_key():
    from django.conf import settings

    return settings.SECRET_KEY


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_access_token_is_refused(kind, ada):
    with pytest.raises(tokens.TokenRefused):
        tokens.holder(BAD[kind](ada))


def test_a_good_access_token_names_its_user_and_its_end_in_one_query(
    ada, django_assert_num_queries
):
    access = tokens.issue(ada).access
    with django_assert_num_queries(1):
        user, token = tokens.holder(access)
    assert user == ada
    assert token["exp"] == AccessToken(access)["exp"]


def test_the_tokens_of_a_user_who_may_not_sign_in_are_refused(ada):
    pair = tokens.issue(ada)
    get_user_model().objects.update(is_active=False)
    for use in (tokens.holder, tokens.rotate):
        with pytest.raises(tokens.TokenRefused):
            use(pair.access if use is tokens.holder else pair.refresh)


def test_a_changed_password_revokes_both_tokens(ada):
    pair = tokens.issue(ada)
    ada.set_password("another")
    ada.save()
    with pytest.raises(tokens.TokenRefused):
        tokens.holder(pair.access)
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(pair.refresh)


def test_a_refresh_token_gets_new_ones_once(ada):
    first = tokens.issue(ada)
    second = tokens.rotate(first.refresh)
    assert tokens.holder(second.access)[0] == ada
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(first.refresh)
    tokens.rotate(second.refresh)


def test_the_blacklist_decides_also_where_both_looked_before_either_wrote(ada, monkeypatch):
    refresh = tokens.issue(ada).refresh
    monkeypatch.setattr(RefreshToken, "check_blacklist", lambda token: None)
    tokens.rotate(refresh)
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(refresh)


def test_a_revoked_refresh_token_gets_nothing(ada):
    refresh = tokens.issue(ada).refresh
    tokens.revoke(refresh)
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(refresh)


def test_an_access_token_does_not_refresh(ada):
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(tokens.issue(ada).access)


@pytest.mark.django_db(transaction=True)
def test_of_many_uses_of_one_refresh_token_at_once_one_gets_tokens():
    refresh = tokens.issue(get_user_model().objects.create_user("ada")).refresh

    def use(_):
        try:
            return tokens.rotate(refresh)
        except tokens.TokenRefused:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(use, range(16)))
    assert sum(result is not None for result in results) == 1


def test_the_signing_key_is_not_the_key_of_everything_else(settings):
    assert api_settings.SIGNING_KEY != settings.SECRET_KEY


def test_tokens_carry_no_name_and_no_address(ada):
    known = {"token_type", "exp", "iat", "jti", "user_id", "hash_password", "family", "aud", "iss"}
    pair = tokens.issue(ada)
    assert set(AccessToken(pair.access).payload) <= known
    assert set(RefreshToken(pair.refresh).payload) <= known


# --- families ---


def test_tokens_that_were_exchanged_are_of_one_family_and_another_sign_in_is_another(ada):
    first = tokens.issue(ada)
    second = tokens.rotate(first.refresh)
    third = tokens.rotate(second.refresh)
    family = AccessToken(first.access)["family"]
    for pair in (second, third):
        assert AccessToken(pair.access)["family"] == family
    assert AccessToken(tokens.issue(ada).access)["family"] != family


def test_a_refresh_token_from_before_there_were_families_begins_one(ada):
    old = RefreshToken.for_user(ada)
    pair = tokens.rotate(str(old))
    assert AccessToken(pair.access)["family"] == old["jti"]


def test_to_revoke_ends_the_whole_family_and_no_other(ada):
    first, other = tokens.issue(ada), tokens.issue(ada)
    second = tokens.rotate(first.refresh)
    tokens.revoke(second.refresh)
    for pair in (first, second):
        with pytest.raises(tokens.TokenRefused):
            tokens.holder(pair.access)
    assert tokens.holder(other.access)[0] == ada


def test_what_was_exchanged_while_its_family_was_revoked_is_worth_nothing(ada, monkeypatch):
    refresh = tokens.issue(ada).refresh
    monkeypatch.setattr(RefreshToken, "check_blacklist", lambda token: None)
    slipped = tokens.rotate(refresh)
    tokens.revoke(refresh)
    with pytest.raises(tokens.TokenRefused):
        tokens.holder(slipped.access)
    with pytest.raises(tokens.TokenRefused):
        tokens.rotate(slipped.refresh)


def test_a_spent_refresh_token_does_not_end_the_family(ada):
    first = tokens.issue(ada)
    second = tokens.rotate(first.refresh)
    with pytest.raises(tokens.TokenRefused):
        tokens.revoke(first.refresh)
    assert tokens.holder(second.access)[0] == ada


def test_revoked_families_are_forgotten_once_none_of_their_tokens_can_be_alive(ada):
    tokens.revoke(tokens.issue(ada).refresh)
    RevokedFamily.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    tokens.revoke(tokens.issue(ada).refresh)
    assert RevokedFamily.objects.count() == 1


def test_a_token_of_a_worker_whose_clock_is_five_minutes_ahead_is_good_at_the_others(
    ada, monkeypatch
):
    now = library.aware_utcnow()
    with monkeypatch.context() as patch:
        patch.setattr(library, "aware_utcnow", lambda: now + timedelta(minutes=5))
        pair = tokens.issue(ada)
    assert tokens.holder(pair.access)[0] == ada
    assert tokens.rotate(pair.refresh)
