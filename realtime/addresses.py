"""Where a client calls from, as far as the proxies in front of us are believed."""

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

IPV6_PREFIX = 64  # what one customer is given: counting single addresses would count nobody
FORWARDED = b"x-forwarded-for"


def of_request(request: HttpRequest) -> str:
    meta = request.META
    return client_address(meta.get("REMOTE_ADDR", ""), [meta.get("HTTP_X_FORWARDED_FOR", "")])


def of_scope(scope: dict[str, Any]) -> str:
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED]
    return client_address((scope.get("client") or [""])[0] or "", told)


def client_address(peer: str, forwarded: Iterable[str]) -> str:
    """The address to count by: IPv4, or the network of an IPv6 one; empty if it is unknown.

    `forwarded` are the values of X-Forwarded-For. Each trusted proxy has added one at the right, so
    the client stands at the TRUSTED_PROXIES-th from there; what is left of it anybody can write.
    """
    if proxies := getattr(settings, "TRUSTED_PROXIES", 0):
        hops = [hop for value in forwarded for part in value.split(",") if (hop := part.strip())]
        if hops:
            return _counted(hops[-min(proxies, len(hops))]) or _counted(peer)
    return _counted(peer)


def _counted(text: str) -> str:
    try:
        address = ip_address(_without_port(text))
    except ValueError:
        return ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
    return str(address)


def _without_port(text: str) -> str:
    """Some proxies add it: `192.0.2.1:5000`, `[2001:db8::1]:5000`."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
