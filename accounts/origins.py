"""Which pages may open a socket: browsers send cookies along from any site, and say from which."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

from accounts.handshake import Handshake

Origin = tuple[str, str, int]  # scheme, host, port

_PORTS = {"http": 80, "https": 443}


def is_allowed(handshake: Handshake) -> bool:
    """No Origin is no browser. Any that is present must be the site's own or a trusted one."""
    if not handshake.origins:
        return True
    if len(handshake.origins) > 1 or (origin := _parsed(handshake.origins[0])) is None:
        return False
    return origin == _own(handshake) or any(
        _matches(origin, trusted) for trusted in settings.CSRF_TRUSTED_ORIGINS
    )


def _own(handshake: Handshake) -> Origin | None:
    if len(handshake.hosts) != 1:
        return None
    domain, _ = split_domain_port(handshake.hosts[0])
    if not domain or not validate_host(domain, _allowed_hosts()):
        return None
    return _parsed(f"{handshake.scheme}://{handshake.hosts[0]}")


def _allowed_hosts() -> list[str]:
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        return [".localhost", "127.0.0.1", "[::1]"]  # as Django has it
    return list(settings.ALLOWED_HOSTS)


def _matches(origin: Origin, trusted: str) -> bool:
    """`https://chat.example`, or `https://*.example` for its subdomains."""
    pattern = _parsed(trusted.replace("://*.", "://", 1))
    if pattern is None or "://*." not in trusted:
        return origin == pattern
    scheme, host, port = pattern
    return (
        (origin[0], origin[2]) == (scheme, port)
        and origin[1] != host
        and is_same_domain(origin[1], f".{host}")
    )


def _parsed(text: str) -> Origin | None:
    """None for whatever a browser would not send as an origin: `null`, paths, users, spaces."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    bare = f"{parts.scheme}://{parts.netloc}".lower() == text.lower()
    if not bare or "@" in parts.netloc or not parts.hostname or parts.scheme not in _PORTS:
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port
