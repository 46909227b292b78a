"""Rooms over HTTP. Parses and answers; what changes is in actions, who may in access."""

import json
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import errors
from accounts.pagination import StrictCursorPagination
from chat import access, actions, queries
from chat.errors import Forbidden, Gone, NotFound
from chat.models import Room
from chat.serializers import (
    EventPageSerializer,
    EventQuerySerializer,
    MessageSerializer,
    NewRoomSerializer,
    ReceiptSerializer,
    RoomChangeSerializer,
    RoomSerializer,
)
from realtime.limits import MESSAGES, rates

TAKEN = OpenApiResponse(description="There is a room of that name already.")
LAST_OWNER = OpenApiResponse(description="The last owner hands over before going.")


class RoomPagination(StrictCursorPagination):
    field = Room._meta.get_field("slug")


def room_or_404(request: Request, slug: str) -> Room:
    try:
        return access.room_for(request.user, slug)
    except Room.DoesNotExist:
        raise NotFound from None


def validated(serializer_class: type, given: Any, **kwargs: Any) -> dict[str, Any]:
    serializer = serializer_class(data=given, **kwargs)
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = serializer.validated_data
    return data


class RoomsView(APIView):
    pagination_class = RoomPagination
    key_scopes: ClassVar = {"GET": access.READ}

    @extend_schema(operation_id="rooms_list", responses=RoomSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The rooms that one may read."""
        paginator = self.pagination_class()
        page = paginator.paginate_queryset(queries.rooms_with_unread(request.user), request, self)
        return paginator.get_paginated_response(RoomSerializer(page, many=True).data)

    @extend_schema(request=NewRoomSerializer, responses={201: RoomSerializer, 409: TAKEN})
    def post(self, request: Request) -> Response:
        """Make a room and be its owner."""
        if not access.may_create_rooms(request.user):
            raise Forbidden("Guests make no rooms.")
        data = validated(NewRoomSerializer, request.data)
        room = actions.create_room(by=request.user, **data)
        room.refresh_from_db()
        return Response(RoomSerializer(room).data, status=status.HTTP_201_CREATED)


class RoomView(APIView):
    key_scopes: ClassVar = {"GET": access.READ}

    @extend_schema(responses=RoomSerializer)
    def get(self, request: Request, slug: str) -> Response:
        try:
            room = queries.rooms_with_unread(request.user).get(slug=slug)
        except Room.DoesNotExist:
            raise NotFound from None
        return Response(RoomSerializer(room).data)

    @extend_schema(request=RoomChangeSerializer, responses=RoomSerializer)
    def patch(self, request: Request, slug: str) -> Response:
        """Change the name or the topic; for owners, moderators and staff."""
        room = room_or_404(request, slug)
        if not access.may_change(request.user, room):
            raise Forbidden("Only those who keep the room change it.")
        data = validated(RoomChangeSerializer, request.data)
        actions.change_room(room=room, by=request.user, **data)
        return self.get(request, slug)


class JoinView(APIView):
    @extend_schema(request=None, responses=RoomSerializer)
    def post(self, request: Request, slug: str) -> Response:
        room = room_or_404(request, slug)
        if not access.may_join(request.user, room):
            raise Forbidden("This room is joined by invitation.")
        actions.join_room(room=room, user=request.user)
        return Response(RoomSerializer(room_or_404(request, slug)).data)


class LeaveView(APIView):
    @extend_schema(
        request=None, responses={204: OpenApiResponse(description="Left."), 409: LAST_OWNER}
    )
    def post(self, request: Request, slug: str) -> Response:
        actions.leave_room(room=room_or_404(request, slug), user=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class EventsView(APIView):
    key_scopes: ClassVar = {"GET": access.READ}

    @extend_schema(
        parameters=[EventQuerySerializer],
        responses={
            200: EventPageSerializer,
            410: OpenApiResponse(description="Not kept any more: go on after `seq`."),
        },
    )
    def get(self, request: Request, slug: str) -> Response:
        """The room's log, ascending; its newest page unless asked otherwise."""
        room = room_or_404(request, slug)
        query = validated(EventQuerySerializer, request.query_params)
        log = access.events_for(request.user, room)
        if "after" in query:
            try:
                page = queries.events_after(room, log, after=query["after"], limit=query["limit"])
            except Gone as error:
                raise errors.Gone(str(error), seq=error.seq) from error
        else:
            page = queries.events_before(log, before=query.get("before"), limit=query["limit"])
        events = [json.loads(payload) for payload in page.payloads]
        # The log has no holes: what is beyond a page can be told from its ends.
        older = bool(events) and events[0]["seq"] > room.tail + 1
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


class MessagesView(APIView):
    key_scopes: ClassVar = {"POST": access.POST}

    @extend_schema(
        request=MessageSerializer, responses={201: ReceiptSerializer, 200: ReceiptSerializer}
    )
    def post(self, request: Request, slug: str) -> Response:
        """Post a message. A `client_id` that was used before gets the first answer, with 200."""
        room = room_or_404(request, slug)
        data = validated(MessageSerializer, request.data)
        if wait := rates.take_blocking(MESSAGES, str(request.user.pk)):
            raise Throttled(wait)
        receipt = actions.post_message(room=room, author=request.user, **data)
        answer = {
            "client_id": data["client_id"],
            "seq": receipt.seq,
            "timestamp": receipt.timestamp,
        }
        created = status.HTTP_200_OK if receipt.repeated else status.HTTP_201_CREATED
        return Response(ReceiptSerializer(answer).data, status=created)
