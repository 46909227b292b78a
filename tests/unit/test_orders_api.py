from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from notifications.models import Notification
from orders import actions
from orders.models import Order
from tests.cast import make_user

pytestmark = pytest.mark.django_db

LIST = "/api/orders/"


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


@pytest.fixture
def order(anna: Any) -> Order:
    return actions.create(user=anna, reference="A-1")


@pytest.fixture
def staff() -> APIClient:
    client = APIClient()
    client.force_authenticate(make_user("staff", is_staff=True))
    return client


def ship_path(order: Order) -> str:
    return f"{LIST}{order.pk}/ship/"


@pytest.mark.parametrize(("method", "path"), [("get", ""), ("post", ""), ("post", "1/ship/")])
def test_who_is_not_signed_in_gets_401(method: str, path: str) -> None:
    answer = getattr(APIClient(), method)(LIST + path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_signed_in"


def test_who_is_not_staff_gets_403(anna: Any, order: Order) -> None:
    client = APIClient()
    client.force_authenticate(anna)
    answers = [
        client.get(LIST),
        client.post(LIST, {"user": str(anna.pk), "reference": "A-2"}),
        client.post(ship_path(order)),
        client.post(f"{LIST}999/ship/"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert answers[0].json()["code"] == "forbidden"
    order.refresh_from_db()
    assert order.status == "pending"


@pytest.mark.parametrize(("method", "path"), [("delete", ""), ("patch", ""), ("get", "1/ship/")])
def test_a_wrong_method_gets_405(staff: APIClient, method: str, path: str) -> None:
    assert getattr(staff, method)(LIST + path).status_code == 405


def test_staff_see_the_orders_newest_first(staff: APIClient, anna: Any, order: Order) -> None:
    second = actions.create(user=anna, reference="A-2")
    page = staff.get(LIST).json()
    assert [result["id"] for result in page["results"]] == [str(second.pk), str(order.pk)]
    assert page["next"] is page["previous"] is None


def test_the_list_comes_in_pages_at_a_fixed_cost(
    staff: APIClient, anna: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    for number in range(60):
        actions.create(user=anna, reference=f"A-{number}")
    with django_assert_num_queries(1):
        first = staff.get(LIST).json()
    second = staff.get(first["next"]).json()
    assert [len(first["results"]), len(second["results"])] == [50, 10]
    assert second["next"] is None


def test_staff_make_an_order(staff: APIClient, anna: Any) -> None:
    answer = staff.post(LIST, {"user": str(anna.pk), "reference": "  A-1 "})
    assert answer.status_code == 201
    order = Order.objects.get()
    assert answer.json() == {
        "id": str(order.pk),
        "user": str(anna.pk),
        "reference": "A-1",
        "status": "pending",
        "tracking_number": "",
        "created_at": order.created_at.isoformat().replace("+00:00", "Z"),
        "shipped_at": None,
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user", "0"),
        ("user", "x"),
        ("user", str(2**80)),
        ("user", None),
        ("user", []),
        ("user", True),
        ("reference", ""),
        ("reference", "   "),
        ("reference", "r" * 101),
        ("reference", 5),
        ("user", 1),
        ("reference", None),
    ],
)
def test_a_malformed_order_gets_400_with_the_field(
    staff: APIClient, anna: Any, field: str, value: Any
) -> None:
    answer = staff.post(LIST, {"user": str(anna.pk), "reference": "A-1"} | {field: value})
    assert answer.status_code == 400
    assert answer.json()["fields"].keys() == {field}
    assert not Order.objects.exists()


def test_what_is_missing_is_named(staff: APIClient) -> None:
    assert staff.post(LIST, {}).json()["fields"].keys() == {"user", "reference"}


def test_staff_ship_an_order_once(staff: APIClient, order: Order) -> None:
    answer = staff.post(ship_path(order), {"tracking_number": "T-9"})
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["tracking_number"]) == ("shipped", "T-9")
    assert answer.json()["shipped_at"].endswith("Z")

    again = staff.post(ship_path(order), {"tracking_number": "T-10"})
    assert again.status_code == 409
    assert again.json()["code"] == "conflict"
    assert Notification.objects.get().data["tracking_number"] == "T-9"


def test_an_order_ships_without_a_body_too(staff: APIClient, order: Order) -> None:
    assert staff.post(ship_path(order)).status_code == 200


@pytest.mark.parametrize("name", ["0", "x", "9" * 40, "%00"])
def test_an_unknown_order_is_404(staff: APIClient, name: str) -> None:
    answer = staff.post(f"{LIST}{name}/ship/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize("number", [None, [], "t" * 101])
def test_a_malformed_tracking_number_gets_400_and_ships_nothing(
    staff: APIClient, order: Order, number: Any
) -> None:
    answer = staff.post(ship_path(order), {"tracking_number": number})
    assert answer.status_code == 400
    assert answer.json()["fields"].keys() == {"tracking_number"}
    order.refresh_from_db()
    assert order.status == "pending"


def test_a_session_ships_only_with_its_csrf_token(order: Order) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(
        make_user("staff", is_staff=True), backend="django.contrib.auth.backends.ModelBackend"
    )
    assert client.post(ship_path(order)).status_code == 403
    order.refresh_from_db()
    assert order.status == "pending"
    client.cookies["csrftoken"] = "a" * 32
    answer = client.post(
        ship_path(order), "{}", "application/json", headers={"X-CSRFToken": "a" * 32}
    )
    assert answer.status_code == 200
