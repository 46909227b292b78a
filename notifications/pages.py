from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """The list is the client's to load: it follows the socket from the first moment."""
    return render(request, "notifications/inbox.html")
