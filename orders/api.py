from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_201_CREATED
from rest_framework.views import APIView

from accounts.errors import Conflict
from accounts.fields import Text
from accounts.pagination import StrictCursorPagination
from accounts.permissions import scopes_of
from orders import access, actions, queries
from orders.errors import AlreadyShipped, OrderNotFound
from orders.models import MAX_REFERENCE, MAX_TRACKING_NUMBER, Order

MALFORMED = OpenApiResponse(description="Malformed; `fields` says what.")
FORBIDDEN = OpenApiResponse(description="Not for you.")


class MayManageOrders(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:
        return access.may_manage_orders(request.user, scopes_of(request))


class OrderSerializer(serializers.ModelSerializer[Order]):
    id = serializers.CharField(read_only=True)
    user = serializers.CharField(source="user_id", read_only=True)

    class Meta:
        model = Order
        fields = [
            "id", "user", "reference", "status", "tracking_number", "created_at", "shipped_at",
        ]  # fmt: skip
        read_only_fields = fields


class NewOrderSerializer(serializers.Serializer[None]):
    user = serializers.PrimaryKeyRelatedField(
        queryset=get_user_model()._default_manager.all(),
        pk_field=Text(max_length=100),
        help_text="The id of a person.",
    )
    reference = Text(max_length=MAX_REFERENCE)


class ShipmentSerializer(serializers.Serializer[None]):
    tracking_number = Text(max_length=MAX_TRACKING_NUMBER, allow_blank=True, default="")


class OrderPages(StrictCursorPagination):
    field = Order._meta.pk
    newest_first = True


class OrdersView(ListAPIView[Order]):
    permission_classes = [IsAuthenticated, MayManageOrders]
    serializer_class = OrderSerializer
    pagination_class = OrderPages

    def get_queryset(self) -> QuerySet[Order]:
        return queries.orders()

    @extend_schema(
        operation_id="orders_create",
        summary="A new order for a person (staff, or a key with orders:write)",
        request=NewOrderSerializer,
        responses={201: OrderSerializer, 400: MALFORMED, 403: FORBIDDEN},
    )
    def post(self, request: Request) -> Response:
        body = NewOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        order = actions.create(**body.validated_data)
        return Response(OrderSerializer(order).data, status=HTTP_201_CREATED)


class ShipView(APIView):
    permission_classes = [IsAuthenticated, MayManageOrders]

    @extend_schema(
        operation_id="orders_ship",
        summary="Ship an order, once, and notify its owner (staff, or a key with orders:write)",
        request=ShipmentSerializer,
        responses={
            200: OrderSerializer,
            400: MALFORMED,
            403: FORBIDDEN,
            404: OpenApiResponse(description="No such order."),
            409: OpenApiResponse(description="It was shipped before."),
        },
    )
    def post(self, request: Request, order_id: str) -> Response:
        body = ShipmentSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            order = actions.ship(order_id=order_id, **body.validated_data)
        except OrderNotFound as error:
            raise NotFound from error
        except AlreadyShipped as error:
            raise Conflict("This order was shipped before.") from error
        return Response(OrderSerializer(order).data)
