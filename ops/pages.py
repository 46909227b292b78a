from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ops import access, queries


@require_safe
@login_required
def dashboard(request: HttpRequest) -> HttpResponse:
    """Strangers are asked to sign in; others who may not are refused."""
    if not access.may_operate(request.user):
        raise PermissionDenied
    context = {"entries": queries.latest_entries(), "people": queries.latest_people()}
    return render(request, "ops/dashboard.html", context)
