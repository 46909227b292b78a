"""Errors over HTTP: `{code, message, fields?, retry_after?, seq?}`, codes as on the sockets.

`handle` is DRF's exception handler, the others below it are Django's: JSON below /api/, pages
elsewhere.
"""

import math
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.exceptions import (
    NON_FIELD_ERRORS,
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.views import defaults
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from accounts.errors import Gone
from accounts.throttling import check_refused
from chatsite.parsers import BodyTooLarge
from realtime.close_codes import ErrorCode
from realtime.database import DATABASE_AWAY
from realtime.errors import FrameError

logger = structlog.get_logger(__name__)

RETRY_AFTER = 2  # seconds, when the database is away

# What an error code is over HTTP. `unsupported` is what the contract has and we have not built.
STATUSES = {
    ErrorCode.BAD_FRAME: status.HTTP_400_BAD_REQUEST,
    ErrorCode.UNKNOWN_TYPE: status.HTTP_400_BAD_REQUEST,
    ErrorCode.TOO_LONG: status.HTTP_400_BAD_REQUEST,
    ErrorCode.UNSUPPORTED: status.HTTP_404_NOT_FOUND,
    ErrorCode.NOT_SIGNED_IN: status.HTTP_401_UNAUTHORIZED,
    ErrorCode.FORBIDDEN: status.HTTP_403_FORBIDDEN,
    ErrorCode.NOT_FOUND: status.HTTP_404_NOT_FOUND,
    ErrorCode.CONFLICT: status.HTTP_409_CONFLICT,
    ErrorCode.RATE_LIMITED: status.HTTP_429_TOO_MANY_REQUESTS,
    ErrorCode.UNAVAILABLE: status.HTTP_503_SERVICE_UNAVAILABLE,
    ErrorCode.INTERNAL: status.HTTP_500_INTERNAL_SERVER_ERROR,
}
CODES = {
    status.HTTP_400_BAD_REQUEST: ErrorCode.BAD_FRAME,
    status.HTTP_401_UNAUTHORIZED: ErrorCode.NOT_SIGNED_IN,
    status.HTTP_403_FORBIDDEN: ErrorCode.FORBIDDEN,
    status.HTTP_404_NOT_FOUND: ErrorCode.NOT_FOUND,
    status.HTTP_405_METHOD_NOT_ALLOWED: ErrorCode.UNSUPPORTED,
    status.HTTP_406_NOT_ACCEPTABLE: ErrorCode.UNSUPPORTED,
    status.HTTP_409_CONFLICT: ErrorCode.CONFLICT,
    status.HTTP_410_GONE: ErrorCode.NOT_FOUND,
    status.HTTP_413_REQUEST_ENTITY_TOO_LARGE: ErrorCode.TOO_LONG,
    status.HTTP_415_UNSUPPORTED_MEDIA_TYPE: ErrorCode.UNSUPPORTED,
    status.HTTP_429_TOO_MANY_REQUESTS: ErrorCode.RATE_LIMITED,
    status.HTTP_503_SERVICE_UNAVAILABLE: ErrorCode.UNAVAILABLE,
}
REFUSALS = (
    exceptions.NotAuthenticated,
    exceptions.AuthenticationFailed,
    exceptions.PermissionDenied,
)


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """None for what nobody foresaw: Django logs that one and answers `server_error`."""
    exc = _too_soon(_as_api_exception(exc), context["request"])
    answer = exception_handler(exc, context)
    if answer is not None:
        answer.data = _body(exc, answer.status_code)
        if retry_after := answer.data.get("retry_after"):
            answer.headers["Retry-After"] = str(math.ceil(retry_after))
    return answer


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponseBase:
    if _is_api(request):
        return _json(ErrorCode.NOT_FOUND, "There is nothing here.")
    return defaults.page_not_found(request, exception or Exception())


def unsupported(request: HttpRequest, **_: Any) -> HttpResponseBase:
    """For what the protocol names and this version does not do."""
    return _json(ErrorCode.UNSUPPORTED, "This is not supported.")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's own page is about its settings."""
    return permission_denied(request, PermissionDenied())


def server_error(request: HttpRequest) -> HttpResponseBase:
    if _is_api(request):
        return _json(ErrorCode.INTERNAL, "Something went wrong here; it has been logged.")
    return defaults.server_error(request)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return _json(ErrorCode.BAD_FRAME, "The request was not understood.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if _is_api(request):
        return _json(ErrorCode.FORBIDDEN, "That is not allowed.")
    return defaults.permission_denied(request, exception)


class _Coded(exceptions.APIException):
    """An APIException with a code of ours: `code` decides the status, not the other way round."""

    def __init__(self, code: ErrorCode, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status_code = STATUSES[code]
        self.code = code
        self.retry_after = retry_after


def _as_api_exception(exc: Exception) -> Exception:
    if isinstance(exc, Http404):
        return exceptions.NotFound()  # its own text names the model that was looked in
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied(*exc.args)
    if isinstance(exc, FrameError):
        return _Coded(exc.code, exc.message, retry_after=exc.retry_after)
    if isinstance(exc, DjangoValidationError):
        return exceptions.ValidationError(_by_field(exc))
    if isinstance(exc, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
        return BodyTooLarge()
    if isinstance(exc, (UnreadablePostError, MultiPartParserError)):
        return exceptions.ParseError("The body could not be read.")
    if isinstance(exc, DATABASE_AWAY):
        logger.warning("database_away", error=str(exc))
        return _Coded(
            ErrorCode.UNAVAILABLE,
            "The database does not answer; try again.",
            retry_after=RETRY_AFTER,
        )
    return exc


def _too_soon(exc: Exception, request: Request) -> Exception:
    """Whoever is refused too often is told so instead."""
    try:
        if isinstance(exc, REFUSALS):
            check_refused(request)
    except exceptions.Throttled as throttled:
        return throttled
    return exc


def _body(exc: Any, http_status: int) -> dict[str, Any]:
    body: dict[str, Any] = {"code": _code(exc, http_status), "message": _message(exc.detail)}
    if isinstance(exc, exceptions.ValidationError):
        fields = dict(_fields(exc.detail))
        general = fields.pop(api_settings.NON_FIELD_ERRORS_KEY, None)
        body["message"] = general[0] if general else "Some fields are not right."
        if fields:
            body["fields"] = fields
    retry_after = getattr(exc, "retry_after", None) or getattr(exc, "wait", None)
    if retry_after is not None:
        body["retry_after"] = retry_after
    if isinstance(exc, Gone):
        body["seq"] = exc.seq
    return body


def _code(exc: Any, http_status: int) -> str:
    if isinstance(exc, exceptions.ValidationError) and _reasons(exc) == {"max_length"}:
        return ErrorCode.TOO_LONG
    code = getattr(exc, "code", None) or CODES.get(http_status)
    return str(code or (ErrorCode.INTERNAL if http_status >= 500 else ErrorCode.BAD_FRAME))


def _reasons(exc: exceptions.ValidationError) -> set[str]:
    return {reason for _, reasons in _fields(exc.get_codes()) for reason in reasons}


def _message(detail: Any) -> str:
    """The first text of whatever shape DRF, or a library on it, gives its details."""
    return next((text for _, texts in _fields(detail) for text in texts), "")


def _fields(detail: Any, name: str = "") -> Iterator[tuple[str, list[str]]]:
    """Each field with its messages; those within others as `outer.inner` and `list.0`."""
    if isinstance(detail, list) and any(isinstance(item, (dict, list)) for item in detail):
        detail = dict(enumerate(detail))
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _fields(value, f"{name}.{key}" if name else str(key))
    else:
        texts = detail if isinstance(detail, list) else [detail]
        yield name or api_settings.NON_FIELD_ERRORS_KEY, [str(text) for text in texts]


def _by_field(exc: DjangoValidationError) -> dict[str, list[str]]:
    if not hasattr(exc, "error_dict"):
        return {api_settings.NON_FIELD_ERRORS_KEY: exc.messages}
    return {
        api_settings.NON_FIELD_ERRORS_KEY if name == NON_FIELD_ERRORS else name: messages
        for name, messages in exc.message_dict.items()
    }


def _is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def _json(code: ErrorCode, message: str) -> HttpResponse:
    return JsonResponse({"code": code, "message": message}, status=STATUSES[code])
