from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from accounts import tokens
from accounts.models import Ticket

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
OPEN = {
    "/api/token/": {"username": "ada", "password": PASSWORD},
    "/api/token/refresh/": {"refresh": "x"},
    "/api/token/revoke/": {"refresh": "x"},
    "/api/guest/": {"name": "Ada"},
}


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada(quick_passwords):
    return get_user_model().objects.create_user("ada", password=PASSWORD)


@pytest.fixture
def api():
    return APIClient()


def bearing(access):
    return {"Authorization": f"Bearer {access}"}


# --- tokens ---


def test_a_password_gets_tokens_and_says_whose(ada, api):
    answer = api.post("/api/token/", OPEN["/api/token/"])
    assert answer.status_code == 200
    assert answer.json()["user"] == {"id": str(ada.pk), "name": "ada"}
    assert tokens.holder(answer.json()["access"])[0] == ada
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "given",
    [
        {"username": "ada", "password": "wrong"},
        {"username": "ada", "password": PASSWORD + " "},
        {"username": "nobody", "password": PASSWORD},
    ],
)
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(given, ada, api):
    answer = api.post("/api/token/", given)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": "not_signed_in",
        "message": "The username or the password is wrong.",
    }
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_right_password_of_an_inactive_user_is_a_wrong_one(ada, api):
    get_user_model().objects.update(is_active=False)
    assert api.post("/api/token/", OPEN["/api/token/"]).status_code == 401


def test_a_refresh_token_gets_new_tokens_and_is_spent(ada, api):
    first = {"refresh": tokens.issue(ada).refresh}
    answer = api.post("/api/token/refresh/", first)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    assert api.post("/api/token/refresh/", first).status_code == 401


def test_a_revoked_refresh_token_is_refused(ada, api):
    given = {"refresh": tokens.issue(ada).refresh}
    assert api.post("/api/token/revoke/", given).status_code == 204
    assert api.post("/api/token/refresh/", given).json()["code"] == "not_signed_in"


@pytest.mark.parametrize("url", OPEN)
def test_a_missing_field_is_named(url, api):
    answer = api.post(url, {})
    assert answer.status_code == 400
    assert answer.json()["code"] == "bad_frame"
    assert set(answer.json()["fields"]) == set(OPEN[url])


@pytest.mark.parametrize("wrong", [None, 5, True, [], {}, "", "x" * 5000, "a\0b"])
@pytest.mark.parametrize("url", OPEN)
def test_a_field_of_the_wrong_kind_is_refused(url, wrong, api):
    answer = api.post(url, dict.fromkeys(OPEN[url], wrong))
    assert answer.status_code == 400
    assert answer.json()["code"] == ("too_long" if wrong == "x" * 5000 else "bad_frame")


@pytest.mark.parametrize("url", [*OPEN, "/api/ws-ticket/"])
def test_another_method_is_not_allowed(url, ada, api):
    api.force_authenticate(ada)
    answer = api.get(url)
    assert answer.status_code == 405
    assert answer.json()["code"] == "unsupported"


def test_a_stale_credential_does_not_keep_anyone_from_signing_in(ada, api):
    answer = api.post("/api/token/", OPEN["/api/token/"], headers=bearing("stale"))
    assert answer.status_code == 200


# --- guests ---


def test_a_guest_comes_in_with_a_name_alone(api):
    answer = api.post("/api/guest/", {"name": " Ada "})
    assert answer.status_code == 201
    user, _ = tokens.holder(answer.json()["access"])
    assert answer.json()["user"] == {"id": str(user.pk), "name": "Ada", "guest": True}


@pytest.mark.parametrize("name", ["", "  ", "x" * 51, "\u202eAda", "\u200b"])
def test_a_guest_with_a_bad_name_stays_outside(name, api):
    answer = api.post("/api/guest/", {"name": name})
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == ["name"]
    assert not get_user_model().objects.exists()


def test_where_guests_are_not_let_in_no_guest_is_made(api, settings):
    settings.GUESTS = False
    answer = api.post("/api/guest/", {"name": "Ada"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not get_user_model().objects.exists()


def test_a_guest_who_is_signed_in_can_make_an_account(client):
    from accounts.actions import create_guest

    client.force_login(
        create_guest(name="Ada"), backend="django.contrib.auth.backends.ModelBackend"
    )
    form = {"username": "ada", "password1": PASSWORD, "password2": PASSWORD}
    assert client.post("/accounts/signup/", form).status_code == 302
    assert client.session["_auth_user_id"] == str(get_user_model().objects.get(username="ada").pk)


def test_a_username_keeps_the_rules_of_names(client):
    form = {"username": "a" * 51, "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/signup/", form)
    assert not get_user_model().objects.exists()


# --- tickets ---


def test_a_ticket_got_with_a_token_ends_with_it(ada, api):
    access = tokens.issue(ada).access
    answer = api.post("/api/ws-ticket/", headers=bearing(access))
    assert answer.status_code == 201
    assert answer.json()["expires_in"] == 30
    assert answer.headers["Cache-Control"] == "no-store"
    row = Ticket.objects.get()
    assert row.ends_at == datetime.fromtimestamp(AccessToken(access)["exp"], UTC)
    assert row.session_key == ""


def test_a_ticket_got_with_a_session_is_bound_to_it(ada, client):
    client.force_login(ada)
    assert client.post("/api/ws-ticket/").status_code == 201
    row = Ticket.objects.get()
    assert row.session_key == client.session.session_key
    assert row.ends_at is None


def test_a_stranger_gets_no_ticket(api):
    answer = api.post("/api/ws-ticket/")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"]


def test_another_site_cannot_get_a_ticket_with_someones_cookie(ada):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ada)
    answer = client.post("/api/ws-ticket/")
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not Ticket.objects.exists()


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"Authorization": "Bearer"},
        {"Authorization": ""},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer a b"},
        {"X-API-Key": "x"},
        {"X-API-Key": ""},
    ],
)
def test_a_bad_credential_is_not_passed_over_for_a_good_session(headers, ada, client):
    client.force_login(ada)
    answer = client.post("/api/ws-ticket/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_a_refresh_token_does_not_open_the_api(ada, api):
    answer = api.post("/api/ws-ticket/", headers=bearing(tokens.issue(ada).refresh))
    assert answer.status_code == 401


def test_the_word_bearer_is_read_in_any_case(ada, api):
    headers = {"Authorization": f"bearer {tokens.issue(ada).access}"}
    assert api.post("/api/ws-ticket/", headers=headers).status_code == 201


# --- schema ---


def test_the_schema_names_every_way_to_sign_in(capsys):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    assert set(schema["components"]["securitySchemes"]) == {"bearer", "key", "session"}
    assert schema["paths"]["/api/ws-ticket/"]["post"]["security"] == [
        {"bearer": []},
        {"key": []},
        {"session": []},
    ]
    assert "arning" not in capsys.readouterr().err
