"""Limits over HTTP: on calls of the API, on signing in, on new guests."""

import hashlib
import math
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from realtime import addresses
from realtime.limits import API, GUESTS, LOGINS, LOGINS_OF_NAME, rates


class ApiThrottle(BaseThrottle):
    """LIMIT_API_PER_SECOND per user, or per address for those who are nobody yet."""

    _wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        self._wait = _take_call(request)
        return not self._wait

    def wait(self) -> float:
        return self._wait


def check_refused(request: Request) -> None:
    """A call that was refused before it came to its throttle counts, too. Raises Throttled.

    DRF asks who one is and what one may first: without this, bad credentials could be tried as
    fast as they can be sent.
    """
    if not getattr(request, "counted_call", False):
        raise_if(_take_call(request))


def _take_call(request: Request) -> float:
    request.counted_call = True  # type: ignore[attr-defined]  # for check_refused
    user = request.user
    who = f"user:{user.pk}" if user.is_authenticated else _by_address(request)
    return rates.take_blocking(API, who)


def login_wait(request: HttpRequest | Request, name: str) -> float:
    """One more attempt to sign in, by address and by name: the seconds to wait, or 0."""
    # A hash: what is typed there may be of any length, and may be a password.
    named = hashlib.sha256(name.strip().lower().encode(errors="replace")).hexdigest()
    # What the address may not do does not count against the name, or anybody could lock it.
    return rates.take_blocking(LOGINS, _by_address(request)) or rates.take_blocking(
        LOGINS_OF_NAME, f"name:{named}"
    )


def guest_wait(request: HttpRequest | Request) -> float:
    """One more guest from this address: the seconds to wait, or 0."""
    return rates.take_blocking(GUESTS, _by_address(request))


def raise_if(wait: float) -> None:
    """Raises Throttled, if there is something to wait for."""
    if wait:
        raise Throttled(wait)


def too_many_requests(request: HttpRequest, wait: float) -> HttpResponse:
    """The page for those who have to wait."""
    seconds = math.ceil(wait)
    response = render(request, "429.html", {"seconds": seconds}, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def _by_address(request: Any) -> str:
    """Empty, so that nothing is counted, where the address is unknown."""
    address = addresses.of_request(request)
    return address and f"address:{address}"
