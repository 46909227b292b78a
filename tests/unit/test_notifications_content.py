from typing import Any

import pytest

from notifications.content import Content, check_action_url, check_content, check_data


def content(**fields: Any) -> Content:
    given: dict[str, Any] = {
        "kind": "generic",
        "title": "Title",
        "message": "Message",
        "action_url": "",
        "data": None,
        "idempotency_key": None,
    }
    return check_content(**given | fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": "t" * 200},
        {"message": "m" * 2000},
        {"message": ""},
        {"action_url": "/" + "a" * 499},
        {"idempotency_key": "k" * 200},
        {"title": "🦆" * 200},
    ],
)
def test_content_may_fill_its_limits(fields: dict[str, Any]) -> None:
    assert content(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"title": ""},
        {"title": "t" * 201},
        {"message": "m" * 2001},
        {"action_url": "/" + "a" * 500},
        {"idempotency_key": "k" * 201},
        {"title": "a\0b"},
        {"message": "\ud800"},
        {"kind": "no thing"},
    ],
)
def test_content_beyond_its_limits_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that it is a ValueError is the promise
        content(**fields)


@pytest.mark.parametrize(
    "url", ["", "/", "/orders/7/?a=b#c", "http://example.com", "https://example.com:8000/a?b=c"]
)
def test_a_path_of_this_site_or_an_http_url_is_an_action(url: str) -> None:
    assert check_action_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.com/",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        " /leading",
        "java\nscript:alert(1)",
        "http:evil.example",
        "https://",
        "http://[broken",
        "relative",
        "/\x7f",
    ],
)
def test_what_a_browser_reads_as_something_else_is_no_action(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that it is a ValueError is the promise
        check_action_url(url)


def test_data_comes_out_as_the_client_will_read_it() -> None:
    assert check_data({"a": (1, 2), "b": None, "é": "é"}) == {"a": [1, 2], "b": None, "é": "é"}


@pytest.mark.parametrize(
    "data",
    [
        ["a list"],
        {"a": object()},
        {"a": float("nan")},
        {"a": 2**60},
        {"a": "\0"},
        {"a": "\ud800"},
        {"a": "x" * 4096},
        {"a": [[[[[[[[1]]]]]]]]},
    ],
)
def test_data_that_is_not_plain_small_json_is_refused(data: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - that it is a ValueError is the promise
        check_data(data)


def test_data_that_holds_itself_is_refused() -> None:
    data: dict[str, Any] = {}
    data["self"] = data
    with pytest.raises(ValueError, match="Circular"):
        check_data(data)
