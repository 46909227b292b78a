from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from accounts.queries import person
from orders.models import Order

LIST_LIMIT = 100
PEOPLE_LIMIT = 500


def orders() -> QuerySet[Order]:
    return Order.objects.order_by("-pk")


def newest_orders() -> list[dict[str, Any]]:
    """As the staff page shows them."""
    rows = orders().select_related("user__profile")[:LIST_LIMIT]
    return [
        {
            "id": order.pk,
            "reference": order.reference,
            "owner_name": person(order.user).name,
            "status": order.status,
            "tracking_number": order.tracking_number,
        }
        for order in rows
    ]


def customers() -> list[dict[str, str]]:
    """Whom an order may be made for on the staff page: the newest accounts."""
    users = get_user_model()._default_manager.filter(is_active=True)
    rows = users.select_related("profile").order_by("-pk")[:PEOPLE_LIMIT]
    return [{"id": who.id, "name": who.name} for who in map(person, rows)]
