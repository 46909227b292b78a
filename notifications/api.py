from collections.abc import Sequence
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED
from rest_framework.views import APIView

from accounts.permissions import scopes_of
from notifications import access, actions, queries
from notifications.errors import UnknownNotification
from notifications.paging import PageQuery, links
from notifications.serializers import (
    NotificationSerializer,
    NotifySerializer,
    PageSerializer,
    ReadAllSerializer,
    ReadSerializer,
    SentSerializer,
    UnreadSerializer,
)

MALFORMED = OpenApiResponse(description="Malformed; `fields` says what.")


class MayNotify(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return access.may_notify(request.user, scopes_of(request))


class NotificationsView(APIView):
    def get_permissions(self) -> Sequence[Any]:
        if self.request.method == "POST":
            return [IsAuthenticated(), MayNotify()]
        return super().get_permissions()

    @extend_schema(
        operation_id="notifications_list",
        summary="One's own notifications, newest first",
        parameters=[PageQuery],
        responses={200: PageSerializer, 400: MALFORMED},
    )
    def get(self, request: Request) -> Response:
        query = PageQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        page = queries.page(request.user, **query.validated_data)
        following, previous = links(request, page)
        results = NotificationSerializer(page.notifications, many=True).data
        return Response({"results": results, "next": following, "previous": previous})

    @extend_schema(
        operation_id="notifications_send",
        summary="Notify people (staff, or a key with notifications:send)",
        request=NotifySerializer,
        responses={
            201: SentSerializer,
            400: MALFORMED,
            403: OpenApiResponse(description="Not for you."),
        },
    )
    def post(self, request: Request) -> Response:
        body = NotifySerializer(data=request.data)
        body.is_valid(raise_exception=True)
        notifications = actions.notify(**body.validated_data)
        return Response(
            SentSerializer({"notifications": notifications}).data, status=HTTP_201_CREATED
        )


class NotificationView(APIView):
    @extend_schema(
        operation_id="notifications_update",
        summary="Mark one as read or unread",
        request=ReadSerializer,
        responses={
            200: NotificationSerializer,
            400: MALFORMED,
            404: OpenApiResponse(description="None of yours."),
        },
    )
    def patch(self, request: Request, notification_id: str) -> Response:
        body = ReadSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        mark = actions.mark_read if body.validated_data["read"] else actions.mark_unread
        try:
            mark(user=request.user, ids=[notification_id])
            changed = queries.notification(request.user, notification_id)
        except UnknownNotification as error:
            raise NotFound from error
        return Response(NotificationSerializer(changed).data)


class ReadAllView(APIView):
    @extend_schema(
        operation_id="notifications_read_all",
        summary="Mark all as read, up to a `seq` if given",
        request=ReadAllSerializer,
        responses={200: UnreadSerializer, 400: MALFORMED},
    )
    def post(self, request: Request) -> Response:
        body = ReadAllSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        actions.mark_all_read(user=request.user, **body.validated_data)
        return Response({"unread": queries.unread_count(request.user)})
