"""Who may see and do what: one's own, and nobody else's."""

from typing import Any

from django.db.models import QuerySet

from notifications.models import Notification


def notifications_of(user: Any) -> QuerySet[Notification]:
    return Notification.objects.filter(inbox__user=user)


def may_notify(user: Any) -> bool:
    """Send notifications to others through the API."""
    return bool(user.is_active and user.is_staff)
