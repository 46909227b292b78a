"""Who calls the API. A credential that is shown but bad is refused, never passed over."""

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import Token

from accounts import api_keys, tokens
from accounts.models import ApiKey

REALM = 'Bearer realm="api"'


class BearerAuthentication(JWTAuthentication):  # type: ignore[misc]  # untyped in simplejwt
    """`Authorization: Bearer <access JWT>`."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        if (header := request.headers.get("Authorization")) is None:
            return None
        scheme, _, access = header.strip().partition(" ")
        if scheme.lower() != "bearer":
            raise AuthenticationFailed("Only `Authorization: Bearer` is understood here.")
        try:
            token = tokens.read_access(access.strip())
            return tokens.user_of(token), token
        except tokens.TokenRefused as error:
            raise AuthenticationFailed(str(error)) from error

    def authenticate_header(self, request: Request) -> str:
        return REALM


class ApiKeyAuthentication(BaseAuthentication):
    """`X-API-Key: <key>`; `request.auth` is the key."""

    def authenticate(self, request: Request) -> tuple[Any, ApiKey] | None:
        if (text := request.headers.get("X-API-Key")) is None:
            return None
        try:
            key = api_keys.holder(text)
        except api_keys.KeyRefused as error:
            raise AuthenticationFailed(str(error)) from error
        return key.user, key

    def authenticate_header(self, request: Request) -> str:
        return REALM


class SessionAuthentication(DRFSessionAuthentication):
    """The session cookie, with CSRF. Whoever shows nothing gets 401, not DRF's 403."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="site"'
