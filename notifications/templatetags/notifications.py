from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from notifications.queries import unread_count

register = template.Library()


@register.simple_tag(takes_context=True)
def notification_bell(context: dict[str, Any]) -> SafeString | str:
    """The bell with the count of unread; nothing for those who are not signed in."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return ""
    return render_to_string(
        "notifications/_bell.html", {"unread": unread_count(user), "request": request}, request
    )
