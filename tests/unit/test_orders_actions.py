from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from notifications.models import Notification
from orders import actions
from orders.errors import AlreadyShipped, OrderNotFound
from orders.models import Order
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def order() -> Order:
    return actions.create(user=make_user("anna"), reference="A-1")


def test_a_new_order_is_pending(order: Order) -> None:
    order.refresh_from_db()
    assert (order.status, order.tracking_number, order.shipped_at) == ("pending", "", None)


def test_shipping_tells_the_owner(order: Order) -> None:
    shipped = actions.ship(order_id=order.pk, tracking_number="T-9")

    assert shipped == order
    assert (shipped.status, shipped.tracking_number) == ("shipped", "T-9")
    assert shipped.shipped_at is not None
    made = Notification.objects.get()
    assert made.inbox.user_id == order.user_id
    assert (made.kind, made.title) == ("order-shipped", "Order shipped")
    assert "A-1" in made.message
    assert "T-9" in made.message
    assert made.action_url == "/notifications/"
    assert made.data == {"order": str(order.pk), "reference": "A-1", "tracking_number": "T-9"}
    assert made.idempotency_key == f"order-shipped:{order.pk}"


def test_the_message_names_no_tracking_number_that_is_not_there(order: Order) -> None:
    actions.ship(order_id=order.pk)
    assert "tracking" not in Notification.objects.get().message


def test_an_order_ships_once(order: Order) -> None:
    actions.ship(order_id=order.pk, tracking_number="first")
    with pytest.raises(AlreadyShipped):
        actions.ship(order_id=order.pk, tracking_number="second")
    order.refresh_from_db()
    assert order.tracking_number == "first"
    assert Notification.objects.count() == 1


@pytest.mark.parametrize("order_id", [0, "x", "", "-1", "٣", "9" * 18, "9" * 40, "1.0", None])
def test_an_unknown_order_is_not_found(order: Order, order_id: Any) -> None:
    with pytest.raises(OrderNotFound):
        actions.ship(order_id=order_id)
    assert not Notification.objects.exists()


def test_an_order_whose_owner_cannot_be_told_is_not_shipped(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(actions, "notify", fail)
    with pytest.raises(RuntimeError):
        actions.ship(order_id=order.pk)
    order.refresh_from_db()
    assert order.status == "pending"


def test_shipping_takes_a_fixed_number_of_queries(
    order: Order, django_assert_num_queries: Callable[..., Any]
) -> None:
    second = actions.create(user=order.user, reference="A-2")
    actions.ship(order_id=order.pk)
    # savepoints, the update and the order; the rest is notify's
    with django_assert_num_queries(13):
        actions.ship(order_id=second.pk)


@pytest.mark.django_db(transaction=True)
def test_an_order_shipped_by_several_at_once_ships_once(order: Order) -> None:
    barrier = Barrier(4)

    def ship(number: int) -> bool:
        try:
            barrier.wait(timeout=30)
            actions.ship(order_id=order.pk, tracking_number=str(number))
        except AlreadyShipped:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        shipped = list(pool.map(ship, range(4)))

    assert sorted(shipped) == [False, False, False, True]
    order.refresh_from_db()
    assert order.tracking_number == str(shipped.index(True))
    assert Notification.objects.count() == 1
