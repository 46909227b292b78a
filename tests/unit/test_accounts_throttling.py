"""Limits over HTTP: on calls, on passwords, on guests."""

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import tokens
from realtime import limits
from realtime.limit_store import MemoryRates
from tests.cast import make_user

pytestmark = pytest.mark.django_db

PASSWORD = "pass"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits.rates, "_here", MemoryRates(clock))
    settings.REDIS_URL = ""
    settings.TRUSTED_PROXIES = 0
    settings.GUESTS = True
    return clock


def refused(answer: Any) -> float:
    """The seconds to wait, as the header and the body have them."""
    assert answer.status_code == 429
    body = answer.json()
    assert body["code"] == "rate_limited"
    assert body["message"]
    assert int(answer.headers["Retry-After"]) >= body["retry_after"] > 0
    return float(body["retry_after"])


def bearing(user: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens.issue(user).access}"}


def statuses(client: Any, path: str, times: int, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(times)]


# --- calls ---


def test_at_ten_times_the_rate_the_rate_gets_through(settings: Any, clock: Clock) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    headers = bearing(make_user("ada"))
    got = []
    for _ in range(50):
        got += statuses(APIClient(), "/api/rooms/", 1, headers=headers)
        clock.now += 0.1
    assert set(got) == {200, 429}
    assert 6 <= got.count(200) <= 7


def test_whoever_is_told_to_wait_gets_through_after_it(settings: Any, clock: Clock) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    headers = bearing(make_user("ada"))
    assert statuses(APIClient(), "/api/rooms/", 2, headers=headers) == [200, 200]
    clock.now += refused(APIClient().get("/api/rooms/", headers=headers))
    assert statuses(APIClient(), "/api/rooms/", 2, headers=headers) == [200, 429]


def test_each_user_has_their_own_whatever_the_address(settings: Any) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    ada, bob = bearing(make_user("ada")), bearing(make_user("bob"))
    assert statuses(APIClient(), "/api/rooms/", 3, headers=ada)[2] == 429
    assert statuses(APIClient(REMOTE_ADDR="192.0.2.9"), "/api/rooms/", 1, headers=ada) == [429]
    assert statuses(APIClient(), "/api/rooms/", 1, headers=bob) == [200]


def test_who_is_nobody_yet_is_counted_by_address_and_cannot_choose_it(settings: Any) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    api = APIClient()
    got = [
        api.get("/api/schema/", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(4)
    ]
    assert got == [200, 200, 429, 429]
    assert APIClient(REMOTE_ADDR="192.0.2.9").get("/api/schema/").status_code == 200


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(settings: Any) -> None:
    settings.LIMIT_API_PER_SECOND = 0.001
    settings.TRUSTED_PROXIES = 1
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK}
    got = [
        APIClient().get("/api/schema/", headers={"X-Forwarded-For": told}).status_code
        for told in ("6.6.6.6, 192.0.2.1", "7.7.7.7, 192.0.2.1", "192.0.2.2")
    ]
    assert got == [200, 429, 200]


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer x"}, {"X-API-Key": "x"}, {"Authorization": "Basic x"}]
)
def test_credentials_are_not_tried_any_faster(settings: Any, headers: dict[str, str]) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    assert statuses(APIClient(), "/api/rooms/", 4, headers=headers) == [401, 401, 429, 429]


def test_what_one_may_not_do_is_not_tried_any_faster(settings: Any) -> None:
    settings.LIMIT_API_PER_SECOND = 1
    headers = bearing(make_user("ada"))
    assert statuses(APIClient(), "/api/orders/", 4, headers=headers) == [403, 403, 429, 429]


def test_without_a_limit_all_get_through() -> None:
    headers = bearing(make_user("ada"))
    assert set(statuses(APIClient(), "/api/rooms/", 100, headers=headers)) == {200}


# --- messages ---


def test_messages_over_http_count_with_those_on_sockets(settings: Any, cast: Any) -> None:
    settings.LIMIT_MESSAGES_PER_SECOND = 0.01
    assert limits.rates.take_blocking(limits.MESSAGES, str(cast.member.pk)) == 0
    api = APIClient()
    api.force_authenticate(cast.member)
    wait = refused(
        api.post(f"/api/rooms/{cast.open_room.slug}/messages/", {"text": "a", "client_id": "1"})
    )
    assert 80 < wait <= 100


# --- passwords ---


def sign_in(password: str, name: str = "ada", **options: Any) -> Any:
    return APIClient(**options).post("/api/token/", {"username": name, "password": password})


def page(password: str, name: str = "ada", **options: Any) -> Any:
    return Client(**options).post("/accounts/login/", {"login": name, "password": password})


def test_passwords_are_tried_so_often_a_minute_and_then_again(settings: Any, clock: Clock) -> None:
    make_user("ada")
    settings.LIMIT_LOGINS_PER_MINUTE = 6
    assert [sign_in("wrong").status_code for _ in range(6)] == [401] * 6
    wait = refused(sign_in(PASSWORD))
    assert wait <= 10
    clock.now += wait
    assert sign_in(PASSWORD).status_code == 200


def test_the_page_and_the_api_are_one_door(settings: Any) -> None:
    make_user("ada")
    settings.LIMIT_LOGINS_PER_MINUTE = 6
    assert [page("wrong").status_code for _ in range(3)] == [200] * 3
    assert [sign_in("wrong").status_code for _ in range(3)] == [401] * 3
    answer = page(PASSWORD)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 10
    assert b"Not so fast" in answer.content
    assert "_auth_user_id" not in answer.client.session
    refused(sign_in(PASSWORD))


def test_a_name_is_not_tried_from_many_addresses(settings: Any) -> None:
    make_user("ada"), make_user("bob")
    settings.LIMIT_LOGINS_PER_MINUTE = 2
    got = [sign_in("wrong", REMOTE_ADDR=f"192.0.2.{n}").status_code for n in range(12)]
    assert got == [401] * 10 + [429] * 2
    assert page("wrong", " ADA ", REMOTE_ADDR="192.0.2.99").status_code == 429
    assert sign_in(PASSWORD, "bob", REMOTE_ADDR="192.0.2.100").status_code == 200


def test_an_address_that_is_refused_does_not_lock_the_name_for_others(settings: Any) -> None:
    make_user("ada")
    settings.LIMIT_LOGINS_PER_MINUTE = 6
    for number in range(6):
        sign_in("wrong", f"user{number}")
    assert {sign_in("wrong").status_code for _ in range(20)} == {429}
    assert sign_in(PASSWORD, REMOTE_ADDR="192.0.2.9").status_code == 200


def test_one_address_does_not_lock_a_name_however_long_it_tries(
    settings: Any, clock: Clock
) -> None:
    make_user("ada")
    settings.LIMIT_LOGINS_PER_MINUTE = 6
    for _ in range(200):
        sign_in("wrong")
        clock.now += 1
    assert sign_in("wrong").status_code == 429
    assert sign_in(PASSWORD, REMOTE_ADDR="192.0.2.9").status_code == 200


def test_many_names_are_not_tried_from_one_address(settings: Any) -> None:
    settings.LIMIT_LOGINS_PER_MINUTE = 6
    got = [sign_in("wrong", f"user{n}").status_code for n in range(8)]
    assert got == [401] * 6 + [429] * 2


def test_the_admins_own_door_leads_to_the_same(settings: Any) -> None:
    answer = Client().post("/admin/login/", {"username": "ada", "password": "x"})
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/accounts/login/")
    staff = make_user("staff", is_staff=True, is_superuser=True)
    inside = Client()
    inside.force_login(staff)
    assert inside.get("/admin/").status_code == 200


# --- guests ---


def test_so_many_guests_come_from_an_address_over_page_and_api(settings: Any, clock: Clock) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 4
    for _ in range(2):
        assert APIClient().post("/api/guest/", {"name": "Ann"}).status_code == 201
        assert Client().post("/", {"name": "Ben"}).status_code == 302
    wait = refused(APIClient().post("/api/guest/", {"name": "Ann"}))
    answer = Client().post("/", {"name": "Ben"})
    assert answer.status_code == 429
    assert 10 <= int(answer.headers["Retry-After"]) <= 15
    assert Client(REMOTE_ADDR="192.0.2.9").post("/", {"name": "Ben"}).status_code == 302
    clock.now += wait
    assert Client().post("/", {"name": "Ben"}).status_code == 302


def test_a_name_that_is_refused_costs_nothing(settings: Any) -> None:
    settings.LIMIT_GUESTS_PER_MINUTE = 1
    assert APIClient().post("/api/guest/", {"name": ""}).status_code == 400
    assert Client().post("/", {"name": " "}).status_code == 200
    assert APIClient().post("/api/guest/", {"name": "Ann"}).status_code == 201
