import logging
from types import SimpleNamespace
from typing import Any

import pytest
import redis.exceptions
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from accounts import api_keys
from chatsite.logs import RequestLogMiddleware, name_request, plain_absence, plain_refusals, scrub
from tests.cast import make_user


def line_of(user: Any, **line: Any) -> Any:
    def respond(request: Any) -> Any:
        request.user = user
        return name_request(None, "info", line)

    return RequestLogMiddleware(respond)(RequestFactory().get("/a/?ticket=secret"))


def test_a_line_of_a_request_says_whose_it_is() -> None:
    line = line_of(SimpleNamespace(pk=7))
    assert line.pop("request_id")
    assert line == {"path": "/a/", "user": "7"}


def test_nobody_is_asked_who_they_are_for_a_line() -> None:
    lazy = SimpleLazyObject(lambda: pytest.fail("asked"))
    assert "user" not in line_of(lazy)
    assert "user" not in line_of(AnonymousUser())


def test_a_line_of_no_request_names_none() -> None:
    assert name_request(None, "info", {"event": "x"}) == {"event": "x"}


@pytest.mark.parametrize(("level", "kept"), [(logging.WARNING, False), (logging.ERROR, True)])
def test_what_is_refused_has_no_traceback_and_what_fails_has(level: int, kept: bool) -> None:
    record = SimpleNamespace(name="django.request", levelno=level)
    line = plain_refusals(None, "x", {"_record": record, "exc_info": True})
    assert ("exc_info" in line) is kept


@pytest.mark.parametrize(
    ("name", "error", "kept"),
    [
        ("channels_redis.pubsub", redis.exceptions.ConnectionError("gone"), False),
        ("channels_redis.pubsub", redis.exceptions.TimeoutError("gone"), False),
        ("channels_redis.pubsub", KeyError("gone"), True),
        ("realtime.consumer", redis.exceptions.ConnectionError("gone"), True),
    ],
)
def test_that_redis_is_away_is_told_in_one_line_and_a_bug_with_its_place(
    name: str, error: Exception, kept: bool
) -> None:
    line: dict[str, Any] = {
        "_record": SimpleNamespace(name=name),
        "exc_info": (type(error), error, None),
    }
    line = dict(plain_absence(None, "x", line))
    assert ("exc_info" in line) is kept
    assert ("error" in line) is not kept


@pytest.mark.parametrize(
    "text",
    [
        "GET /ws/chat/general/?ticket=SECRET&after=1",
        "Authorization: Bearer SECRET",
        "X-API-Key: SECRET",
        "{'x-api-key': 'SECRET'}",
        "cookie: sessionid=SECRET; a=b",
        "cannot reach redis://user:SECRET@host:1/0",
        "eyJhbGciOiJIUzI1NiJ9.SECRET.c2lnbmF0dXJl",
    ],
)
def test_a_secret_that_came_so_far_goes_no_further(text: str) -> None:
    assert "SECRET" not in scrub(None, "info", text)
    assert "[secret]" in scrub(None, "info", text)


def test_the_text_of_an_api_key_goes_no_further_wherever_it_stands(db: Any) -> None:
    key = api_keys.issue(user=make_user("ada"), name="Key", scopes=[])
    said = scrub(None, "info", f"ValueError: invalid literal: '{key.text}', in line 3")
    assert said == f"ValueError: invalid literal: '{key.prefix}_[secret]', in line 3"


@pytest.mark.parametrize("name", ["sid", "__Host-chat.session"])
def test_the_session_is_known_by_the_name_of_its_cookie(settings: Any, name: str) -> None:
    settings.SESSION_COOKIE_NAME = name
    assert scrub(None, "info", f"cookie: a=b; {name}=SECRET") == f"cookie: a=b; {name}=[secret]"


def test_all_else_stays_as_it_is() -> None:
    text = '{"event": "tickets=4", "path": "/x/?after=1", "at": "http://host:80/"}'
    assert scrub(None, "info", text) == text
