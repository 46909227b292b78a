import json

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation, ValidationError
from django.db import OperationalError
from django.http import Http404
from django.urls import include, path
from rest_framework import exceptions, serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from chatsite import errors
from realtime.close_codes import ErrorCode
from realtime.errors import FrameError


class Inner(serializers.Serializer):
    a = serializers.IntegerField()


class Outer(serializers.Serializer):
    inner = Inner()
    list = serializers.ListField(child=serializers.IntegerField())


class Raising(APIView):
    authentication_classes = ()
    permission_classes = ()
    error = None

    def get(self, request):
        raise Raising.error

    def post(self, request):
        return Response(request.data)

    def put(self, request):
        Outer(data=request.data).is_valid(raise_exception=True)


def page(request):
    raise Raising.error


urlpatterns = [
    path("api/x/", Raising.as_view()),
    path("page/", page),
    path("api/page/", page),
    path("", include("chatsite.urls")),
]
handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error

pytestmark = pytest.mark.urls(__name__)

CASES = [
    (Http404(), 404, "not_found"),
    (exceptions.NotFound(), 404, "not_found"),
    (PermissionDenied(), 403, "forbidden"),
    (exceptions.NotAuthenticated(), 403, "forbidden"),  # no authenticator, so nothing to show
    (exceptions.ParseError(), 400, "bad_frame"),
    (ValidationError("No."), 400, "bad_frame"),
    (exceptions.MethodNotAllowed("GET"), 405, "unsupported"),
    (exceptions.NotAcceptable(), 406, "unsupported"),
    (exceptions.UnsupportedMediaType("x"), 415, "unsupported"),
    (exceptions.Throttled(wait=3), 429, "rate_limited"),
    (OperationalError("secret dsn"), 503, "unavailable"),
    (FrameError(ErrorCode.CONFLICT, "Twice."), 409, "conflict"),
    (FrameError(ErrorCode.TOO_LONG, "Long."), 400, "too_long"),
    (FrameError(ErrorCode.UNSUPPORTED, "Later."), 404, "unsupported"),
    (FrameError(ErrorCode.RATE_LIMITED, "Slow.", retry_after=1.5), 429, "rate_limited"),
]


@pytest.fixture
def api():
    return APIClient(raise_request_exception=False)


@pytest.mark.parametrize(("error", "status", "code"), CASES, ids=lambda case: repr(case)[:40])
def test_every_error_has_a_code_and_a_message(error, status, code, api):
    Raising.error = error
    answer = api.get("/api/x/")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["message"]
    assert "secret" not in answer.json()["message"]


def test_every_code_of_the_sockets_has_a_status():
    assert set(errors.STATUSES) == set(ErrorCode)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (exceptions.Throttled(wait=3), 3),
        (FrameError(ErrorCode.RATE_LIMITED, "x", retry_after=1.5), 1.5),
    ],
)
def test_who_is_too_fast_is_told_when_to_return(error, seconds, api):
    Raising.error = error
    answer = api.get("/api/x/")
    assert answer.json()["retry_after"] == seconds
    assert int(answer.headers["Retry-After"]) >= seconds


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ({"a": [ErrorDetail("x", "max_length")]}, "too_long"),
        ({"a": [ErrorDetail("x", "max_length")], "b": {"c": [["x"]]}}, "bad_frame"),
        ({"a": [{}, {"b": [ErrorDetail("x", "max_length")]}]}, "too_long"),
        ({"a": [ErrorDetail("x", "max_length"), "y"]}, "bad_frame"),
        ("x", "bad_frame"),
    ],
)
def test_what_is_wrong_only_in_its_length_is_too_long(detail, code, api):
    Raising.error = exceptions.ValidationError(detail)
    answer = api.get("/api/x/")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (ValidationError({"name": ["Short.", "Bad."]}), {"name": ["Short.", "Bad."]}),
        (exceptions.ValidationError({"name": ["Short."]}), {"name": ["Short."]}),
        (exceptions.ValidationError("No."), None),
        (ValidationError("No."), None),
    ],
)
def test_fields_are_told_where_there_are_any(error, fields, api):
    Raising.error = error
    body = api.get("/api/x/").json()
    assert body.get("fields") == fields
    assert fields or body["message"] == "No."


def test_fields_within_fields_are_named_by_their_way(api):
    answer = api.put("/api/x/", {"inner": {"a": "x"}, "list": [1, "x"]})
    assert set(answer.json()["fields"]) == {"inner.a", "list.1"}


# --- bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b'"x"',
        b"null",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":9007199254740993}',
        b'{"a":"\\u0000"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'{"a":' + b"[" * 9 + b"]" * 9 + b"}",
        b'{"a":' + b"[" * 100_000,
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_a_poisoned_body_is_a_bad_request(body, api):
    answer = api.generic("POST", "/api/x/", body, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_frame")


def test_a_good_body_is_read_as_it_is(api):
    body = {"a": ["ü", 2**53, None, True, 1.5]}
    assert api.post("/api/x/", body).json() == body


def test_a_body_beyond_a_mebibyte_is_too_long(api):
    limit = 1024 * 1024
    for size, status in ((limit, 200), (limit + 1, 413)):
        body = json.dumps({"a": "x" * (size - 9)}, separators=(",", ":")).ljust(size)
        answer = api.generic("POST", "/api/x/", body, "application/json")
        assert answer.status_code == status
    assert answer.json()["code"] == "too_long"


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "", "x"])
def test_another_kind_of_body_is_unsupported(kind, api):
    answer = api.generic("POST", "/api/x/", "a=b", kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported")


# --- outside DRF ---


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "forbidden"),
        (SuspiciousOperation(), 400, "bad_frame"),
        (RuntimeError("secret"), 500, "internal"),
    ],
)
def test_the_api_never_answers_with_a_page(error, status, code, api):
    Raising.error = error
    answer = api.get("/api/page/")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert b"secret" not in answer.content
    answer = api.get("/page/")
    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_error_that_nobody_foresaw_is_a_500_in_json(api):
    Raising.error = RuntimeError("secret")
    answer = api.get("/api/x/")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_an_unknown_path_of_the_api_is_answered_in_json(api):
    answer = api.get("/api/nothing/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", "search/?q=tea&room=general"),
        ("POST", "rooms/general/uploads/"),
        ("POST", "rooms/no-such-room/uploads/"),
        ("PATCH", "rooms/general/messages/7/"),
        ("DELETE", "rooms/general/messages/7/"),
    ],
)
def test_what_the_protocol_names_and_is_not_built_is_unsupported_whoever_asks(method, route):
    for client in (APIClient(), APIClient(enforce_csrf_checks=True)):
        answer = client.generic(method, f"/api/{route}", b"", "text/plain")
        assert (answer.status_code, answer.json()["code"]) == (404, "unsupported")


@pytest.mark.django_db
def test_what_is_not_built_is_not_in_the_schema():
    paths = APIClient().get("/api/schema/?format=json").json()["paths"]
    assert not [path for path in paths if "search" in path or "upload" in path]
