"""What a client shows when it opens a socket, read without believing any of it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import parse_cookie


@dataclass(frozen=True, kw_only=True, slots=True)
class Handshake:
    """Each field holds what was sent, in order: nothing, one, or more than makes sense."""

    scheme: str
    hosts: list[str]
    origins: list[str]
    authorizations: list[str]
    api_keys: list[str]
    tickets: list[str]
    session_key: str

    @classmethod
    def of(cls, scope: dict[str, Any]) -> "Handshake":
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        cookies = parse_cookie("; ".join(headers.get("cookie", [])))
        return cls(
            scheme=_scheme(scope, headers),
            hosts=headers.get("host", []),
            origins=headers.get("origin", []),
            authorizations=headers.get("authorization", []),
            api_keys=headers.get("x-api-key", []),
            tickets=query.get("ticket", []),
            session_key=cookies.get(settings.SESSION_COOKIE_NAME, ""),
        )


def _scheme(scope: dict[str, Any], headers: dict[str, list[str]]) -> str:
    """http or https, as the browser sees it. A proxy is believed only where there is one."""
    scheme = scope.get("scheme", "ws")
    if getattr(settings, "TRUSTED_PROXIES", 0) and (told := headers.get("x-forwarded-proto")):
        scheme = told[0].split(",")[0].strip().lower()
    return "https" if scheme in {"https", "wss"} else "http"
