"""Tokens, guests and tickets over HTTP."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from msgspec import to_builtins
from rest_framework import serializers, status
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import actions, throttling, tokens
from accounts.access import guests_may_enter
from accounts.authentication import (
    REALM,
    ApiKeyAuthentication,
    BearerAuthentication,
    SessionAuthentication,
)
from accounts.fields import Text
from accounts.models import ApiKey
from accounts.names import MAX_NAME, clean_name
from accounts.queries import person

NO_STORE = {"Cache-Control": "no-store"}  # what is answered here opens doors


class PersonSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    guest = serializers.BooleanField(required=False, help_text="Only there when true.")


class TokensSerializer(serializers.Serializer[Any]):
    access = serializers.CharField()
    refresh = serializers.CharField()


class SignedInSerializer(TokensSerializer):
    user = PersonSerializer()


class PasswordSerializer(serializers.Serializer[Any]):
    username = Text(max_length=254)
    password = Text(max_length=4096, trim_whitespace=False)


class RefreshSerializer(serializers.Serializer[Any]):
    refresh = Text(max_length=4096)


class GuestSerializer(serializers.Serializer[Any]):
    name = Text(max_length=MAX_NAME)

    def validate_name(self, name: str) -> str:
        return clean_name(name)


class TicketSerializer(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


# For those who are not signed in yet. A stale credential beside the request is not read. (Not a
# docstring: that would be published as the description of each call.)
class OpenView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return REALM


class TokenView(OpenView):
    @extend_schema(
        operation_id="token_create",
        summary="Sign in by password",
        request=PasswordSerializer,
        responses=SignedInSerializer,
    )
    def post(self, request: Request) -> Response:
        given = _valid(PasswordSerializer, request)
        throttling.raise_if(throttling.login_wait(request, given["username"]))
        user = authenticate(request, username=given["username"], password=given["password"])
        if user is None:
            raise AuthenticationFailed("The username or the password is wrong.")
        return _signed_in(user)


class TokenRefreshView(OpenView):
    @extend_schema(
        operation_id="token_refresh",
        summary="New tokens for a refresh token, which is spent",
        request=RefreshSerializer,
        responses=TokensSerializer,
    )
    def post(self, request: Request) -> Response:
        given = _valid(RefreshSerializer, request)
        try:
            pair = tokens.rotate(given["refresh"])
        except tokens.TokenRefused as error:
            raise AuthenticationFailed(str(error)) from error
        return Response({"access": pair.access, "refresh": pair.refresh}, headers=NO_STORE)


class TokenRevokeView(OpenView):
    @extend_schema(
        operation_id="token_revoke",
        summary="Revoke a refresh token, and what came from the same sign-in",
        request=RefreshSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        given = _valid(RefreshSerializer, request)
        try:
            actions.revoke_token(refresh=given["refresh"])
        except tokens.TokenRefused as error:
            raise AuthenticationFailed(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)


class GuestView(OpenView):
    @extend_schema(
        operation_id="guest_create",
        summary="Come in as a guest",
        request=GuestSerializer,
        responses={201: SignedInSerializer},
    )
    def post(self, request: Request) -> Response:
        if not guests_may_enter():
            raise PermissionDenied("Guests are not let in here.")
        given = _valid(GuestSerializer, request)
        throttling.raise_if(throttling.guest_wait(request))
        guest = actions.create_guest(name=given["name"])
        return _signed_in(guest, status=status.HTTP_201_CREATED)


class WebSocketTicketView(APIView):
    authentication_classes = (BearerAuthentication, ApiKeyAuthentication, SessionAuthentication)
    permission_classes = (IsAuthenticated,)  # any key: the ticket has its scopes, and no more

    @extend_schema(
        operation_id="ws_ticket_create",
        summary="A ticket for one socket",
        request=None,
        responses={201: TicketSerializer},
    )
    def post(self, request: Request) -> Response:
        ticket = actions.issue_ticket(user=request.user, **_behind(request))
        return Response(
            {"ticket": ticket, "expires_in": actions.TICKET_SECONDS},
            status=status.HTTP_201_CREATED,
            headers=NO_STORE,
        )


def _behind(request: Request) -> dict[str, Any]:
    """The credential that the ticket must not outlive."""
    token: Any = request.auth
    if isinstance(token, ApiKey):
        return {"ends_at": token.expires_at, "api_key": token}
    if token is not None:
        return {
            "family": tokens.family_of(token),
            "ends_at": datetime.fromtimestamp(token["exp"], UTC),
        }
    return {"session_key": request.session.session_key or ""}


def _valid(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    checked = serializer(data=request.data)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def _signed_in(user: Any, *, status: int = status.HTTP_200_OK) -> Response:
    pair = tokens.issue(user)
    you = to_builtins(person(user))
    return Response(
        {"access": pair.access, "refresh": pair.refresh, "user": you},
        status=status,
        headers=NO_STORE,
    )
