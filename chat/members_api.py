"""The members of a room over HTTP."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.access import may_sign_in
from accounts.pagination import StrictCursorPagination
from accounts.queries import user_by_id
from chat import access, moderation, queries
from chat.api import room_or_404, validated
from chat.errors import Forbidden
from chat.models import Membership, Room
from chat.serializers import (
    MemberSerializer,
    NewMemberSerializer,
    RemovalQuerySerializer,
    RemovalSerializer,
)
from realtime.limits import Limit, rates

# People by their ids, of whom whoever names them can know nothing. Per user.
STRANGERS = Limit("LIMIT_STRANGERS_PER_MINUTE", 60, burst=60)

FORBIDDEN = OpenApiResponse(description="Not for you.")
CONFLICT = OpenApiResponse(description="The last owner, oneself, or somebody who is banned.")


class MemberPagination(StrictCursorPagination):
    field = Membership._meta.pk


class MembersView(APIView):
    pagination_class = MemberPagination

    @extend_schema(
        operation_id="room_members_list",
        summary="Those who joined the room",
        responses=MemberSerializer(many=True),
    )
    def get(self, request: Request, slug: str) -> Response:
        room = room_or_404(request, slug)
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(queries.members_of(room), request, self)
        return paginator.get_paginated_response(MemberSerializer(page, many=True).data)

    @extend_schema(
        operation_id="room_members_add",
        summary="Add somebody, or give a member another role (owners, moderators, staff)",
        request=NewMemberSerializer,
        responses={201: MemberSerializer, 200: MemberSerializer, 403: FORBIDDEN, 409: CONFLICT},
    )
    def post(self, request: Request, slug: str) -> Response:
        room = self._moderated(request, slug)
        body = validated(NewMemberSerializer, request.data)
        user = _named(request, body["user"])
        if not may_sign_in(user):
            raise _nobody()
        role = body.get("role")
        added = moderation.set_member(room=room, by=request.user, user=user, role=role)
        member = queries.members_of(room).get(user=user)
        created = status.HTTP_201_CREATED if added else status.HTTP_200_OK
        return Response(MemberSerializer(member).data, status=created)

    @extend_schema(
        operation_id="room_members_remove",
        summary="Put somebody out, ban them or lift the ban (owners, moderators, staff)",
        description="`ban=true` puts out and keeps out, a member or not; `ban=false` lifts the "
        "ban; without `ban` a member is put out. The same fields are taken as a JSON body.",
        parameters=[
            OpenApiParameter("user", OpenApiTypes.STR, required=True, description="A person's id."),
            OpenApiParameter("ban", OpenApiTypes.BOOL),
        ],
        responses={204: None, 403: FORBIDDEN, 409: CONFLICT},
    )
    def delete(self, request: Request, slug: str) -> Response:
        room = self._moderated(request, slug)
        if request.data:
            body = validated(RemovalSerializer, request.data)
        else:
            body = validated(RemovalQuerySerializer, request.query_params.dict())
        user = _named(request, body["user"])
        who: dict[str, Any] = {"room": room, "by": request.user, "user": user}
        if body["ban"]:
            moderation.ban(**who)
        elif body["ban"] is False:
            moderation.lift_ban(**who)
        else:
            moderation.kick(**who)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _moderated(self, request: Request, slug: str) -> Room:
        room = room_or_404(request, slug)
        if not access.may_moderate(request.user, room):
            raise Forbidden("Only those who keep the room say who is in it.")
        return room


def _named(request: Request, user_id: str) -> Any:
    """Somebody by their id, which may be guessed: those of whom one knows nothing are limited.

    Else all names could be found out, by adding or banning one number after the other.
    """
    user = user_by_id(user_id)
    if access.may_know_of(request.user, user):
        return user
    if wait := rates.take_blocking(STRANGERS, str(request.user.pk)):
        raise Throttled(wait)
    if not may_sign_in(user):
        raise _nobody()
    return user


def _nobody() -> ValidationError:
    return ValidationError({"user": ["There is no such person."]})
