"""JSON web tokens: given, exchanged, revoked, and whose they are.

The tokens of one sign-in are a family, through all exchanges: `family` is the id of its first
refresh token. To revoke the last refresh token ends all of the family, access tokens too.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.access import may_sign_in
from accounts.models import RevokedFamily
from accounts.queries import user_with_family

USER_ID = api_settings.USER_ID_CLAIM
FAMILY = "family"
MAX_FAMILY = 64
CLOCKS_APART = timedelta(minutes=5)  # those of the workers, at most


class TokenRefused(Exception):
    """The token is malformed, expired, revoked, of another kind, or its user may not sign in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    access: str
    refresh: str


def issue(user: Any, *, family: str = "") -> Tokens:
    refresh = RefreshToken.for_user(user)
    refresh[FAMILY] = family or refresh["jti"]
    access = refresh.access_token
    for token in (refresh, access):
        # A worker whose clock is behind refuses what was given in its future.
        token.set_iat(at_time=refresh.current_time - CLOCKS_APART)
    return Tokens(access=str(access), refresh=str(refresh))


def holder(access: str) -> tuple[Any, Token]:
    """The user of an access token, with their profile, and the token. One query.

    Raises TokenRefused.
    """
    token = read_access(access)
    return user_of(token), token


def read_access(access: str) -> Token:
    """The token, verified, without a query. Raises TokenRefused."""
    return _read(AccessToken, access)


def user_of(token: Token) -> Any:
    """The user of a token that has been verified, in one query. Raises TokenRefused."""
    user = user_with_family(token.get(USER_ID), family_of(token))
    if not may_sign_in(user):
        raise TokenRefused("The token is nobody's who may sign in, or has been revoked.")
    stamp = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    if not isinstance(stamp, str) or not secrets.compare_digest(
        stamp.encode(), get_md5_hash_password(user.password).encode()
    ):
        raise TokenRefused("The password has been changed since the token was given.")
    return user


def family_of(token: Token) -> str:
    """Empty for an access token that came from no sign-in of ours."""
    own = token["jti"] if token["token_type"] == RefreshToken.token_type else ""
    return str(token.get(FAMILY, own))[:MAX_FAMILY]


@transaction.atomic
def rotate(refresh: str) -> Tokens:
    """New tokens for a refresh token, which is spent: of many at once, one gets them."""
    token = _read(RefreshToken, refresh)
    user = user_of(token)
    _, first = token.blacklist()
    if not first:
        raise TokenRefused("The token has been used.")
    return issue(user, family=family_of(token))


@transaction.atomic
def revoke(refresh: str) -> Token:
    """End the token's family. Raises TokenRefused."""
    token = _read(RefreshToken, refresh)
    token.blacklist()
    now = timezone.now()
    RevokedFamily.objects.filter(expires_at__lt=now).delete()
    # Another of the family may be given at this very moment, and will live as long.
    RevokedFamily.objects.get_or_create(
        family=family_of(token), defaults={"expires_at": now + RefreshToken.lifetime}
    )
    return token


def _read(kind: type[Token], text: str) -> Token:
    try:
        return kind(text)
    except (TokenError, ValueError, OverflowError) as error:
        raise TokenRefused("The token is not valid, or has expired.") from error
