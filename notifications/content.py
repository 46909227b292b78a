"""What a notification may say. Everything here raises ValueError, with a message for people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from notifications.kinds import kind_named
from notifications.models import MAX_ACTION_URL, MAX_KEY, MAX_MESSAGE, MAX_TITLE
from realtime import strict_json

MAX_DATA_BYTES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """Checked; the same for everyone who is notified."""

    kind: str
    title: str
    message: str
    action_url: str
    data: dict[str, Any]
    idempotency_key: str | None


def check_content(
    *,
    kind: str,
    title: str,
    message: str,
    action_url: str,
    data: Mapping[str, Any] | None,
    idempotency_key: str | None,
) -> Content:
    if not title:
        raise ValueError("A title is needed.")
    return Content(
        kind=kind_named(kind).name,
        title=_check_text("title", title, MAX_TITLE),
        message=_check_text("message", message, MAX_MESSAGE),
        action_url=check_action_url(action_url),
        data=check_data(data or {}),
        idempotency_key=_check_text("idempotency_key", idempotency_key or "", MAX_KEY) or None,
    )


def check_action_url(url: str) -> str:
    """A path of this site or an http(s) URL; nothing that a browser reads as something else.

    Browsers drop tabs and line breaks from a URL and take a backslash for a slash: with them, what
    looks like a path leads to another site.
    """
    if not url:
        return url
    _check_text("action_url", url, MAX_ACTION_URL)
    if any(char <= " " or char in "\\\x7f" for char in url):
        raise ValueError("The action_url holds a space, a backslash or a control character.")
    parts = urlsplit(url)
    here = url.startswith("/") and not url.startswith("//")
    if not (here or (parts.scheme in {"http", "https"} and parts.hostname)):
        raise ValueError("The action_url is neither a path of this site nor an http(s) URL.")
    return url


def check_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data as the client will read it: held to the JSON that the contract allows."""
    if not isinstance(data, Mapping):
        raise ValueError("The data is not an object.")  # noqa: TRY004 - one kind of error here
    try:
        text = json.dumps(dict(data), allow_nan=False, separators=(",", ":"))
    except (TypeError, RecursionError) as error:
        raise ValueError(f"The data is not JSON: {error}.") from error
    if len(text) > MAX_DATA_BYTES:
        raise ValueError(f"The data is more than {MAX_DATA_BYTES} bytes of JSON.")
    result: dict[str, Any] = strict_json.loads(text)
    return result


def _check_text(name: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"The {name} has more than {limit} characters.")
    if "\0" in text:
        raise ValueError(f"The {name} holds NUL.")
    text.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return text
