"""Who calls the API. A credential that is shown but bad is refused, never passed over."""

from typing import Any

from rest_framework.authentication import SessionAuthentication as DRFSessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import Token

from accounts import tokens

REALM = 'Bearer realm="api"'


class BearerAuthentication(JWTAuthentication):  # type: ignore[misc]  # untyped in simplejwt
    """`Authorization: Bearer <access JWT>`."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        if (header := request.headers.get("Authorization")) is None:
            if "X-API-Key" in request.headers:
                raise AuthenticationFailed("The API key is not valid.")
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


class SessionAuthentication(DRFSessionAuthentication):
    """The session cookie, with CSRF. Whoever shows nothing gets 401, not DRF's 403."""

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="site"'
