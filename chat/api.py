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
from chat.errors import Conflict, NotFound, TextInvalid
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
    ordering = "slug"  # unique: among equals a cursor loses its place


class ChatView(APIView):
    """What the rules of rooms refuse is answered with its status."""

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, NotFound):
            exc = Http404()
        elif isinstance(exc, Conflict):
            exc = ConflictError(str(exc))
        elif isinstance(exc, TextInvalid):
            exc = ValidationError({"text": [str(exc)]})
        return super().handle_exception(exc)


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


class RoomsView(ChatView):
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
        room = actions.create_room(by=request.user, **data)
        room.refresh_from_db()
        return Response(RoomSerializer(room).data, status=status.HTTP_201_CREATED)


class RoomView(ChatView):
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


class JoinView(ChatView):
    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: Request, slug: str) -> Response:
        room = _room(request, slug)
        if not access.may_join(request.user, room):
            raise PermissionDenied("This room is joined by invitation.")
        actions.join_room(room=room, user=request.user)
        return Response(RoomSerializer(_room(request, slug)).data)


class LeaveView(ChatView):
    @extend_schema(request=None, responses={204: OpenApiResponse(description="Left.")})
    def post(self, request: Request, slug: str) -> Response:
        actions.leave_room(room=_room(request, slug), user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EventsView(ChatView):
    @extend_schema(parameters=[EventQuerySerializer], responses=EventPageSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """The room's log, ascending; its newest page unless asked otherwise."""
        room = _room(request, slug)
        query = _validated(EventQuerySerializer, request.query_params)
        if "after" in query:
            page = queries.events_after(room, after=query["after"], limit=query["limit"])
        else:
            page = queries.events_before(room, before=query.get("before"), limit=query["limit"])
        events = [json.loads(payload) for payload in page.payloads]
        # The log has no holes: what is beyond a page can be told from its ends.
        older = bool(events) and events[0]["seq"] > 1
        newer = bool(events) and events[-1]["seq"] < room.head

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


class MessagesView(ChatView):
    @extend_schema(
        request=MessageSerializer, responses={201: ReceiptSerializer, 200: ReceiptSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Post a message. A `client_id` that was used before gets the first answer, with 200."""
        room = _room(request, slug)
        data = _validated(MessageSerializer, request.data)
        receipt = actions.post_message(room=room, author=request.user, **data)
        answer = {
            "client_id": data["client_id"],
            "seq": receipt.seq,
            "timestamp": receipt.timestamp,
        }
        created = status.HTTP_200_OK if receipt.repeated else status.HTTP_201_CREATED
        return Response(ReceiptSerializer(answer).data, status=created)
