"""Rooms over HTTP. Parses and answers; what changes is in actions, who may in access."""

import json
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import access, actions, queries
from chat.errors import Conflict, TextInvalid
from chat.models import Room
from chat.serializers import (
    EventPageSerializer,
    EventQuerySerializer,
    MessageSerializer,
    ReceiptSerializer,
    RoomChangeSerializer,
    RoomSerializer,
)


class ConflictError(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class RoomPagination(CursorPagination):
    page_size = 50
    ordering = ("name", "pk")


def _room(request: Request, slug: str) -> Room:
    try:
        return access.room_for(request.user, slug)
    except Room.DoesNotExist:
        raise Http404("There is no such room.") from None


def _validated(serializer_class: type, data: Any, **kwargs: Any) -> dict[str, Any]:
    serializer = serializer_class(data=data, **kwargs)
    serializer.is_valid(raise_exception=True)
    validated: dict[str, Any] = serializer.validated_data
    return validated


class RoomsView(APIView):
    pagination_class = RoomPagination

    @extend_schema(operation_id="rooms_list", responses=RoomSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The rooms that one may read."""
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(queries.rooms_with_unread(request.user), request, self)
        return paginator.get_paginated_response(RoomSerializer(page, many=True).data)

    @extend_schema(request=RoomSerializer, responses={201: RoomSerializer})
    def post(self, request: Request) -> Response:
        """Make a room and be its owner."""
        if not access.may_create_rooms(request.user):
            raise PermissionDenied("Guests make no rooms.")
        data = _validated(RoomSerializer, request.data)
        try:
            room = actions.create_room(by=request.user, **data)
        except Conflict as error:
            raise ConflictError(str(error)) from error
        room.refresh_from_db()
        return Response(RoomSerializer(room).data, status=status.HTTP_201_CREATED)


class RoomView(APIView):
    @extend_schema(responses=RoomSerializer)
    def get(self, request: Request, slug: str) -> Response:
        try:
            room = queries.rooms_with_unread(request.user).get(slug=slug)
        except Room.DoesNotExist:
            raise Http404("There is no such room.") from None
        return Response(RoomSerializer(room).data)

    @extend_schema(request=RoomChangeSerializer, responses=RoomSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        """Change the name or the topic; for owners, moderators and staff."""
        room = _room(request, slug)
        if not access.may_change(request.user, room):
            raise PermissionDenied("Only those who keep the room change it.")
        data = _validated(RoomChangeSerializer, request.data)
        actions.change_room(
            room=room,
            by=request.user,
            name=data.get("name", room.name),
            topic=data.get("topic", room.topic),
        )
        return self.get(request, slug)


class JoinView(APIView):
    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: Request, slug: str) -> Response:
        room = _room(request, slug)
        if not access.may_join(request.user, room):
            raise PermissionDenied("This room is joined by invitation.")
        actions.join_room(room=room, user=request.user)
        return Response(RoomSerializer(_room(request, slug)).data)


class LeaveView(APIView):
    @extend_schema(request=None, responses={204: OpenApiResponse(description="Left.")})
    def post(self, request: Request, slug: str) -> Response:
        actions.leave_room(room=_room(request, slug), user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EventsView(APIView):
    @extend_schema(parameters=[EventQuerySerializer], responses=EventPageSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The room's log, ascending; its newest page unless asked otherwise."""
        room = _room(request, slug)
        query = _validated(EventQuerySerializer, request.query_params)
        if "after" in query:
            page = queries.events_after(room, after=query["after"], limit=query["limit"])
            older, newer = bool(page.payloads), page.has_more
        else:
            page = queries.events_before(room, before=query.get("before"), limit=query["limit"])
            older, newer = page.has_more, "before" in query and bool(page.payloads)
        events = [json.loads(payload) for payload in page.payloads]

        def link(name: str, seq: int) -> str:
            path = request.build_absolute_uri(request.path)
            return f"{path}?{name}={seq}&limit={query['limit']}"

        return Response(
            {
                "results": events,
                "next": link("after", events[-1]["seq"]) if newer else None,
                "previous": link("before", events[0]["seq"]) if older else None,
            }
        )


class MessagesView(APIView):
    @extend_schema(
        request=MessageSerializer, responses={201: ReceiptSerializer, 200: ReceiptSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Post a message. A `client_id` that was used before gets the first answer, with 200."""
        room = _room(request, slug)
        data = _validated(MessageSerializer, request.data)
        try:
            receipt = actions.post_message(room=room, author=request.user, **data)
        except TextInvalid as error:
            raise ValidationError({"text": [str(error)]}) from error
        answer = {
            "client_id": data["client_id"],
            "seq": receipt.seq,
            "timestamp": receipt.timestamp,
        }
        created = status.HTTP_200_OK if receipt.repeated else status.HTTP_201_CREATED
        return Response(ReceiptSerializer(answer).data, status=created)
