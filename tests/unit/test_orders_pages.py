from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from orders import actions
from orders.models import Order
from tests.cast import make_user

pytestmark = pytest.mark.django_db

LIST = "/orders/"
CREATE = "/orders/create/"


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


@pytest.fixture
def order(anna: Any) -> Order:
    return actions.create(user=anna, reference="A-1")


def as_user(user: Any, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def staff() -> Client:
    return as_user(make_user("staff", is_staff=True))


def said(answer: Any) -> list[str]:
    """What the person is told on the page that they are sent back to."""
    assert answer.status_code == 302
    assert answer["Location"] == LIST
    return [f"{message.level_tag}: {message}" for message in get_messages(answer.wsgi_request)]


def test_staff_see_the_orders_and_whom_to_make_one_for(staff: Client, order: Order) -> None:
    context = staff.get(LIST).context
    assert context["orders"] == [
        {
            "id": order.pk,
            "reference": "A-1",
            "owner_name": "Anna",
            "status": "pending",
            "tracking_number": "",
        }
    ]
    assert {"id": str(order.user_id), "name": "Anna"} in context["people"]


def test_the_page_costs_the_same_however_many_orders(
    staff: Client, order: Order, django_assert_num_queries: Callable[..., Any]
) -> None:
    with CaptureQueriesContext(connection) as before:
        staff.get(LIST)
    for number in range(10):
        actions.create(user=make_user(f"user{number}"), reference="x")
    with django_assert_num_queries(len(before)):
        staff.get(LIST)


@pytest.mark.parametrize(
    ("method", "path"), [("get", LIST), ("post", CREATE), ("post", "/orders/1/ship/")]
)
def test_strangers_sign_in_first_and_others_are_refused(anna: Any, method: str, path: str) -> None:
    stranger = getattr(Client(), method)(path)
    assert stranger.status_code == 302
    assert stranger["Location"].endswith(f"?next={path}")
    assert getattr(as_user(anna), method)(path).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"), [("post", LIST), ("get", CREATE), ("get", "/orders/1/ship/")]
)
def test_a_wrong_method_gets_405(staff: Client, method: str, path: str) -> None:
    assert getattr(staff, method)(path).status_code == 405


def test_staff_make_an_order(staff: Client, anna: Any) -> None:
    answer = staff.post(CREATE, {"user": anna.pk, "reference": "A-1"})
    assert said(answer) == ["success: Order A-1 is in."]
    assert Order.objects.get().user_id == anna.pk


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"user": ""}, ["error: Customer: This field is required."]),
        ({"user": "0"}, ["error: Customer: Select a valid choice."]),
        ({"reference": ""}, ["error: Reference: This field is required."]),
        ({"reference": "r" * 101}, ["error: Reference: Ensure this value has at most 100"]),
    ],
)
def test_a_malformed_order_is_explained(
    staff: Client, anna: Any, fields: dict[str, str], errors: list[str]
) -> None:
    told = said(staff.post(CREATE, {"user": anna.pk, "reference": "A-1"} | fields))
    assert [text[: len(error)] for text, error in zip(told, errors, strict=True)] == errors
    assert not Order.objects.exists()


def test_staff_ship_an_order_once(staff: Client, order: Order) -> None:
    path = f"/orders/{order.pk}/ship/"
    assert said(staff.post(path, {"tracking_number": "T-9"})) == ["success: Order A-1 was shipped."]
    order.refresh_from_db()
    assert (order.status, order.tracking_number) == ("shipped", "T-9")
    assert said(staff.post(path))[-1] == "error: This order was shipped before."


def test_a_malformed_tracking_number_is_explained(staff: Client, order: Order) -> None:
    (told,) = said(staff.post(f"/orders/{order.pk}/ship/", {"tracking_number": "t" * 101}))
    assert told.startswith("error: Tracking number: Ensure this value has at most 100")
    order.refresh_from_db()
    assert order.status == "pending"


def test_an_unknown_order_is_404(staff: Client) -> None:
    assert staff.post("/orders/0/ship/").status_code == 404


def test_a_form_without_its_csrf_token_ships_nothing(order: Order) -> None:
    client = as_user(make_user("staff", is_staff=True), enforce_csrf_checks=True)
    assert client.post(f"/orders/{order.pk}/ship/").status_code == 403
    order.refresh_from_db()
    assert order.status == "pending"
