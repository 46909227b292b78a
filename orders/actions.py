from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from notifications.actions import notify
from orders.errors import AlreadyShipped, OrderNotFound
from orders.kinds import ORDER_SHIPPED
from orders.models import Order


def create(*, user: Any, reference: str) -> Order:
    order: Order = Order.objects.create(user=user, reference=reference)
    return order


@transaction.atomic
def ship(*, order_id: int | str, tracking_number: str = "") -> Order:
    """Ship the order and notify its owner; both happen, once, or neither.

    Raises OrderNotFound or AlreadyShipped.
    """
    key = _key(order_id)
    shipped = Order.objects.filter(pk=key, status=Order.Status.PENDING).update(
        status=Order.Status.SHIPPED, tracking_number=tracking_number, shipped_at=timezone.now()
    )
    order = Order.objects.select_related("user").filter(pk=key).first()
    if order is None:
        raise OrderNotFound
    if not shipped:
        raise AlreadyShipped
    _tell_owner(order)
    return order


def _tell_owner(order: Order) -> None:
    tracking = f" Its tracking number is {order.tracking_number}." if order.tracking_number else ""
    notify(
        to=order.user,
        kind=ORDER_SHIPPED.name,
        title="Order shipped",
        message=f"Your order {order.reference} is on its way.{tracking}",
        action_url=reverse("notifications:inbox"),
        data={
            "order": str(order.pk),
            "reference": order.reference,
            "tracking_number": order.tracking_number,
        },
        idempotency_key=f"order-shipped:{order.pk}",
    )


def _key(order_id: Any) -> int:
    """Ids come from addresses, where anything may stand."""
    text = str(order_id)
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise OrderNotFound
    return int(text)
