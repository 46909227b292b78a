"""`/metrics`, for Prometheus on the same machine and for staff."""

from ipaddress import ip_address

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from realtime.scrape import gathered


@login_not_required
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What the workers count that one master started, each labelled with its pid."""
    if not (_from_this_machine(request) or getattr(request.user, "is_staff", False)):
        raise PermissionDenied
    return HttpResponse(gathered(), content_type=CONTENT_TYPE_LATEST)


def _from_this_machine(request: HttpRequest) -> bool:
    """What a proxy on this machine passes on is from elsewhere, and says so."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False
    try:
        return ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
