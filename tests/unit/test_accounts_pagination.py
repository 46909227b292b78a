"""Lists are read page by page, and a cursor that nobody gave out leads nowhere."""

import base64
from typing import Any

import pytest
from rest_framework.test import APIClient

from chat import actions
from chat.models import Membership
from orders.actions import create
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)

LISTS = ["/api/rooms/", "/api/rooms/open/members/", "/api/orders/"]
OF_NUMBERS = LISTS[1:]
NOWHERE = ["p=%00", "p=\x00", "p=%ED%A0%80", "r=1&p=%00", "o=1&p=a%00b", "p=" + "x" * 5000]
NO_NUMBERS = ["p=abc", "p=1e5", "p=1.5", f"p={10**30}", f"p=-{10**30}", "p=NaN", "r=1&p=abc"]


@pytest.fixture
def staff(cast: Cast) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(cast.staff)
    return client


def cursor(text: str) -> dict[str, str]:
    return {"cursor": base64.b64encode(text.encode()).decode()}


@pytest.mark.parametrize("text", [*NOWHERE, *NO_NUMBERS])
@pytest.mark.parametrize("path", LISTS)
def test_a_made_up_cursor_leads_nowhere(staff: APIClient, path: str, text: str) -> None:
    if path not in OF_NUMBERS and text in NO_NUMBERS:
        text = text.replace("p=", "p=%20")
    answer = staff.get(path, cursor(text))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("text", ["not base64", "", "====", "\udce9"])
@pytest.mark.parametrize("path", LISTS)
def test_what_is_no_cursor_at_all_leads_nowhere(staff: APIClient, path: str, text: str) -> None:
    answer = staff.get(path, {"cursor": text.encode(errors="replace")})
    assert answer.status_code in {200, 404}


def ids(staff: APIClient, path: str) -> list[list[Any]]:
    pages, following = [], path
    while following:
        body = staff.get(following).json()
        pages.append([str(one) for one in body["results"]])
        following = body["next"]
    return pages


@pytest.mark.parametrize("path", LISTS)
def test_every_page_is_reached_and_nothing_twice(cast: Cast, staff: APIClient, path: str) -> None:
    for number in range(60):
        actions.create_room(by=cast.owner, name=f"Room {number}")
        create(user=cast.member, reference=str(number))
        Membership.objects.create(room=cast.open_room, user=make_user(f"u{number}"))
    pages = ids(staff, path)
    assert [len(page) for page in pages[:1]] == [50]
    assert len(pages) == 2
    assert len({one for page in pages for one in page}) >= 60
