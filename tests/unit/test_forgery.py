"""What another site can make a signed-in browser do here: nothing."""

import re
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db

UNSAFE = ["post", "put", "patch", "delete"]
EXAMPLES = {"slug": "open", "topic": "news", "order_id": "1", "notification_id": "x", "seq": "1"}
# They look at no cookie: what they are sent is all the credential there is, or none is needed.
WITHOUT_SESSION = {"/api/token/", "/api/token/refresh/", "/api/token/revoke/", "/api/guest/"}
NOWHERE = re.compile(r"asyncapi|uploads|messages/1/|search|schema|docs")


def paths_of(patterns: Any, before: str = "") -> list[str]:
    found = []
    for pattern in patterns:
        here = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            found += paths_of(pattern.url_patterns, here)
        elif isinstance(pattern, URLPattern) and not here.endswith("^api/"):
            found.append("/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda m: EXAMPLES.get(m[1], "1"), here))
    return found


API = [
    path
    for path in paths_of(get_resolver("chatsite.urls").url_patterns)
    if path.startswith("/api/") and not NOWHERE.search(path) and path not in WITHOUT_SESSION
]


def signed_in(user: Any) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_table_of_paths_is_not_empty() -> None:
    assert {"/api/rooms/", "/api/rooms/open/messages/", "/api/ws-ticket/"} <= set(API)


@pytest.mark.parametrize("path", API)
def test_without_the_token_of_a_form_no_verb_changes_anything(cast: Cast, path: str) -> None:
    client = signed_in(cast.staff)
    for verb in UNSAFE:
        answer = getattr(client, verb)(path, "{}", "application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), verb
        assert "CSRF" in answer.json()["message"]


@pytest.mark.parametrize("path", API)
def test_a_form_of_another_site_does_not_even_reach_the_parser(cast: Cast, path: str) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data"):
        answer = signed_in(cast.staff).post(path, "a=b", kind)
        assert answer.status_code == 403


def test_a_token_of_somebody_else_or_from_another_site_is_none(cast: Cast) -> None:
    client = signed_in(cast.member)
    client.get("/chat/open/")
    token = client.cookies["csrftoken"].value
    send = {"data": '{"name": "New"}', "content_type": "application/json"}
    for bad in ("x" * 32, "x" * 64, ""):
        assert client.post("/api/rooms/", headers={"X-CSRFToken": bad}, **send).status_code == 403
    for origin in ("https://evil.example", "null", "http://testserver.evil.example"):
        headers = {"X-CSRFToken": token, "Origin": origin}
        assert client.post("/api/rooms/", headers=headers, **send).status_code == 403
    assert client.post("/api/rooms/", headers={"X-CSRFToken": token}, **send).status_code == 201


@pytest.mark.parametrize(
    "path", ["/", "/chat/", "/chat/open/join/", "/chat/open/leave/", "/orders/",
             "/accounts/login/", "/accounts/logout/", "/accounts/signup/"],
)  # fmt: skip
def test_no_form_of_a_page_is_taken_without_its_token(cast: Cast, path: str) -> None:
    assert signed_in(cast.staff).post(path, {"name": "x"}).status_code == 403


# --- elsewhere ---

ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil.example", "https:evil.example",
    "https:/evil.example", "https://evil.example", "http:///evil.example", "\\\\evil.example",
    "/\\evil.example", "\\/evil.example", "/\t/evil.example", "/\n/evil.example",
    " //evil.example", "\x00//evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)", "data:text/html,x", "vbscript:x", "//evil.example@testserver",
    "http://testserver@evil.example", "http://testserver.evil.example", "%2F%2Fevil.example",
    "/%2Fevil.example", "//%65vil.example", "http:evil.example", "//evil\u3002example",
    "/.//evil.example", "/..//evil.example", "https://testserver:443@evil.example",
]  # fmt: skip
DOORS = ["/", "/accounts/login/", "/accounts/logout/", "/accounts/signup/", "/admin/login/"]


def leads_elsewhere(location: str) -> bool:
    """As browsers read it: tabs and line ends are left out, and backslashes are slashes."""
    location = re.sub(r"[\t\r\n]", "", location).strip("\x00 ").replace("\\", "/")
    parts = urlsplit(location)
    is_ours = parts.netloc in {"", "testserver"} and parts.scheme in {"", "http"}
    return not is_ours or location.startswith("//") or (bool(parts.scheme) and not parts.netloc)


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("door", DOORS)
def test_no_door_leads_to_another_site(db: None, door: str, target: str) -> None:
    make_user("ada")
    fields = {
        "name": "Zoe",
        "login": "ada",
        "username": "zoe" if "signup" in door else "ada",
        "password": "pass",
        "password1": "correct-horse-9",
        "password2": "correct-horse-9",
    }
    client = Client()
    if "logout" in door:
        client.post("/accounts/login/", fields)
    for answer in (
        client.get(f"{door}?next={quote(target)}"),
        client.post(f"{door}?next={quote(target)}", fields),
        client.post(door, {**fields, "next": target}),
    ):
        assert not leads_elsewhere(answer.headers.get("Location", "/"))
