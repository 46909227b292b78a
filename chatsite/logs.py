"""What every line of the log says, and what none does.

A line on behalf of a request has its `request_id`, `path` and, as soon as it is known without a
query, `user`; the lines of sockets are seen to in `realtime`. `scrub` is the last resort: nothing
is meant to log a secret.
"""

import logging
import re
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from functools import cache
from secrets import token_urlsafe
from typing import Any

import redis.exceptions
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

REDIS_AWAY = (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError)
Line = MutableMapping[str, Any]

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


class RequestLogMiddleware:
    """Names the request that lines are logged for."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        request.id = token_urlsafe(8)  # type: ignore[attr-defined]  # ours
        if self._async:
            return self._answer(request)
        token = _request.set(request)
        try:
            return self.get_response(request)
        finally:
            _request.reset(token)

    async def _answer(self, request: HttpRequest) -> Any:
        token = _request.set(request)
        try:
            return await self.get_response(request)
        finally:
            _request.reset(token)


def name_request(_: Any, __: str, line: Line) -> Line:
    """Django's own lines come when the middlewares are done, with the request beside them."""
    request = getattr(line.get("_record"), "request", None) or _request.get()
    if isinstance(request, HttpRequest) and hasattr(request, "id"):
        line.setdefault("request_id", request.id)
        line.setdefault("path", request.path)
        if (user := _known_user(request)) is not None:
            line.setdefault("user", str(user))
    return line


def _known_user(request: HttpRequest) -> Any:
    """The user's key, where somebody has asked who it is: to log is no reason to ask."""
    user = getattr(request, "_cached_user", None) or vars(request).get("user")
    return None if isinstance(user, SimpleLazyObject) else getattr(user, "pk", None)


def plain_refusals(_: Any, __: str, line: Line) -> Line:
    """That a page is denied is no fault of ours: no traceback."""
    record = line.get("_record")
    if record is not None and record.name == "django.request" and record.levelno < logging.ERROR:
        line.pop("exc_info", None)
    return line


def plain_absence(_: Any, __: str, line: Line) -> Line:
    """The layer's library tells each second that Redis is away: one line says all of it."""
    record = line.get("_record")
    if record is not None and record.name.startswith("channels_redis.") and line.get("exc_info"):
        error = line["exc_info"][1]
        if isinstance(error, REDIS_AWAY):
            line["error"] = str(error)
            del line["exc_info"]
    return line


@cache
def _secrets(session_cookie: str) -> re.Pattern[str]:
    """The beginning of an API key, by which its owner knows it, opens nothing."""
    return re.compile(
        r"(?i)(?P<before>\bticket=|\bbearer\s+|\bx-api-key\W{1,4}|\bkey_[0-9a-f]{8}_"
        rf"|(?<![\w-]){re.escape(session_cookie)}=)"
        r"[^\s&;,'\"@]+"
        r"|(?P<url>://[^/\s:@]*:)[^\s/@]+(?=@)"
        r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"
    )


def scrub(_: Any, __: str, text: str) -> str:
    secrets = _secrets(settings.SESSION_COOKIE_NAME)
    return secrets.sub(lambda found: f"{found['before'] or found['url'] or ''}[secret]", text)
