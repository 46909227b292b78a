"""JSON web tokens: given, exchanged, revoked, and whose they are."""

import secrets
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from accounts.access import may_sign_in
from accounts.queries import user_by_id


class TokenRefused(Exception):
    """The token is malformed, expired, revoked, of another kind, or its user may not sign in."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    access: str
    refresh: str


def issue(user: Any) -> Tokens:
    return _pair(RefreshToken.for_user(user))


def holder(access: str) -> tuple[Any, float]:
    """The user of an access token, with their profile, and when it expires (since the epoch).

    One query. Raises TokenRefused.
    """
    token = read_access(access)
    return user_of(token), float(token["exp"])


def read_access(access: str) -> Token:
    """The token, verified, without a query. Raises TokenRefused."""
    return _read(AccessToken, access)


def user_of(token: Token) -> Any:
    """The user of a token that has been verified, in one query. Raises TokenRefused."""
    user = user_by_id(token.get(api_settings.USER_ID_CLAIM))
    if not may_sign_in(user):
        raise TokenRefused("The token is nobody's who may sign in.")
    stamp = token.get(api_settings.REVOKE_TOKEN_CLAIM)
    if not isinstance(stamp, str) or not secrets.compare_digest(
        stamp.encode(), get_md5_hash_password(user.password).encode()
    ):
        raise TokenRefused("The password has been changed since the token was given.")
    return user


@transaction.atomic
def rotate(refresh: str) -> Tokens:
    """New tokens for a refresh token, which is spent: of many at once, one gets them."""
    token = _read(RefreshToken, refresh)
    user = user_of(token)
    _, first = token.blacklist()
    if not first:
        raise TokenRefused("The token has been used.")
    return issue(user)


@transaction.atomic
def revoke(refresh: str) -> None:
    _read(RefreshToken, refresh).blacklist()


def _read(kind: type[Token], text: str) -> Token:
    try:
        return kind(text)
    except (TokenError, ValueError, OverflowError) as error:
        raise TokenRefused("The token is not valid, or has expired.") from error


def _pair(refresh: RefreshToken) -> Tokens:
    return Tokens(access=str(refresh.access_token), refresh=str(refresh))
