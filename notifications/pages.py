from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from notifications import queries
from notifications.paging import PageQuery, links


@require_safe
@login_required
def inbox(request: HttpRequest) -> HttpResponse:
    """A filter that cannot be read shows the newest of all."""
    query = PageQuery(data=request.GET.dict())
    wanted = query.validated_data if query.is_valid() else {}
    page = queries.page(request.user, **wanted)
    following, previous = links(request, page)
    context = {
        "notifications": page.notifications,
        "unread": queries.unread_count(request.user),
        "only_unread": wanted.get("unread", False),
        "next": following,
        "previous": previous,
    }
    return render(request, "notifications/inbox.html", context)
