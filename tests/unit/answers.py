"""Ask a production site for one of each kind of answer, and print them as JSON."""

import json
import sys
from typing import Any
from unittest import mock

import django
from django.core.management import call_command
from django.http import HttpRequest
from django.urls import path

HOST = "localhost"
SECRET = "a-secret-of-the-inside"
HTTPS = {"secure": True, "SERVER_NAME": HOST}
JSON = "application/json"
PAGES = {
    "front page": "/",
    "room": "/chat/general/",
    "inbox": "/notifications/",
    "login": "/accounts/login/",
    "signup": "/accounts/signup/",
    "logout": "/accounts/logout/",
    "orders": "/orders/",
    "ops": "/ops/",
    "admin": "/admin/",
    "admin list": "/admin/accounts/user/",
    "api docs": "/api/docs/",
    "page 404": "/nowhere/",
    "page 500": "/broken/",
}
CALLS = {
    "api": "/api/rooms/",
    "schema": "/api/schema/?format=json",
    "api 404": "/api/nowhere/",
    "api 500": "/api/broken/",
    "static file": "/static/css/base.css",
    "static picture": "/static/img/favicon.svg",
    "static file 404": "/static/nowhere.css",
}


def broken(_: HttpRequest) -> None:
    raise RuntimeError(SECRET)


def shown(answer: Any) -> dict[str, Any]:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return {
        "status": answer.status_code,
        "headers": dict(answer.items()),
        "cookies": {name: dict(morsel) for name, morsel in answer.cookies.items()},
        "body": body.decode(errors="replace"),
    }


def main() -> None:
    django.setup()
    from django.contrib.auth import get_user_model
    from django.test import Client

    from chatsite import urls

    call_command("migrate", verbosity=0)
    call_command("demo", stdout=sys.stderr)
    urls.urlpatterns[:0] = [path("broken/", broken), path("api/broken/", broken)]
    user = get_user_model().objects.create_superuser("root", password="correct horse 1")
    member = Client(raise_request_exception=False)
    member.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    strict = Client(enforce_csrf_checks=True)
    nobody = Client(raise_request_exception=False)
    found = {name: member.get(where, **HTTPS) for name, where in {**PAGES, **CALLS}.items()}
    found |= {
        "redirect": nobody.get("/chat/general/", **HTTPS),
        "plain http": nobody.get("/", SERVER_NAME=HOST),
        "page 400": nobody.get("/", secure=True, SERVER_NAME="evil.example"),
        "api 400": nobody.post("/api/guest/", b"{", JSON, **HTTPS),
        "api 401": nobody.get("/api/rooms/", **HTTPS),
        "page 403": strict.post("/accounts/login/", {"login": "x"}, **HTTPS),
        "api 403": _as_session(strict, user),
        "api 405": member.delete("/api/rooms/", **HTTPS),
        "api 413": nobody.post("/api/guest/", b" " * 1_100_000, JSON, **HTTPS),
        "api asked for a page": member.get("/api/rooms/", headers={"Accept": "text/html"}, **HTTPS),
        "api asked by format": member.get("/api/rooms/?format=api", **HTTPS),
    }
    with mock.patch("accounts.throttling.check_refused"):
        for _ in range(3):
            found["page 429"] = nobody.post(
                "/accounts/login/", {"login": "x", "password": "y"}, **HTTPS
            )
            found["api 429"] = nobody.post(
                "/api/token/", {"username": "x", "password": "y"}, JSON, **HTTPS
            )
    found["signed in"] = nobody.post("/", {"name": "Zoe"}, **HTTPS)
    sys.stdout.write(json.dumps({name: shown(answer) for name, answer in found.items()}))


def _as_session(client: Any, user: Any) -> Any:
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.post("/api/rooms/", {"name": "x"}, JSON, **HTTPS)


if __name__ == "__main__":
    main()
