from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from accounts.actions import create_guest
from tests.cast import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A place for each hash that is made."""
    made: list[str] = []
    encode = MD5PasswordHasher.encode

    def noted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        made.append(password)
        hashed: str = encode(self, password, salt)
        return hashed

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    return made


def sign_in_by_page(login: str, password: str) -> Any:
    return Client().post("/accounts/login/", {"login": login, "password": password})


def sign_in_by_api(login: str, password: str) -> Any:
    given = {"username": login, "password": password}
    return Client().post("/api/token/", given, content_type="application/json")


@pytest.mark.parametrize("sign_in", [sign_in_by_page, sign_in_by_api])
@pytest.mark.parametrize(
    "login", ["ada", "ADA", "ada@example.com", "gone", "a-guest", "nobody", "nobody@example.com"]
)
def test_whoever_is_named_an_attempt_costs_one_hash(
    hashes: list[str], sign_in: Any, login: str
) -> None:
    make_user("ada", email="ada@example.com")
    make_user("gone", is_active=False)
    guest = create_guest(name="A guest")
    hashes.clear()
    answer = sign_in(guest.get_username() if login == "a-guest" else login, "wrong")
    assert answer.status_code in {200, 401}
    assert "_auth_user_id" not in answer.client.session
    assert len(hashes) == 1


@pytest.mark.parametrize("sign_in", [sign_in_by_page, sign_in_by_api])
@pytest.mark.parametrize("login", ["ada", "Ada", "ada@example.com", "ADA@example.com"])
def test_one_signs_in_by_name_and_by_address(sign_in: Any, login: str) -> None:
    make_user("ada", email="ada@example.com")
    answer = sign_in(login, "pass")
    assert answer.status_code == (302 if sign_in is sign_in_by_page else 200)


def test_of_two_who_differ_in_case_alone_the_one_meant_comes_in() -> None:
    ada, upper = make_user("ada"), make_user("Ada")
    upper.set_password("other")
    upper.save()
    assert authenticate(username="ada", password="pass") == ada
    assert authenticate(username="Ada", password="other") == upper
    assert authenticate(username="ada", password="other") is None


def test_who_was_deactivated_does_not_come_in() -> None:
    make_user("gone", is_active=False)
    assert authenticate(username="gone", password="pass") is None
    assert sign_in_by_page("gone", "pass").headers["Location"] == "/accounts/inactive/"


def test_another_with_ones_name_as_address_shuts_nobody_out() -> None:
    ada = make_user("ada@example.com")
    make_user("eve", email="ada@example.com")
    assert authenticate(username="ada@example.com", password="pass") == ada


@pytest.mark.parametrize(("name", "status"), [("eve", 302), ("ada@example.com", 200)])
def test_nobody_takes_an_address_for_a_username(name: str, status: int) -> None:
    password = "correct-horse-9"
    form = {"username": name, "password1": password, "password2": password}
    assert Client().post("/accounts/signup/", form).status_code == status


def test_without_a_password_others_may_be_asked() -> None:
    assert authenticate(username="ada", password="") is None
