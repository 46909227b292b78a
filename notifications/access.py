"""Who may see and do what: one's own, and nobody else's."""

from typing import Any

from django.db.models import QuerySet

from accounts.access import is_staff
from accounts.scopes import Scope, Scopes
from notifications.models import Notification


def notifications_of(user: Any) -> QuerySet[Notification]:
    return Notification.objects.filter(inbox__user=user)


def may_notify(user: Any, scopes: Scopes = None) -> bool:
    """Send notifications to others through the API: staff, or a key that is for it."""
    if scopes is not None:
        return Scope.NOTIFICATIONS_SEND in scopes
    return is_staff(user)
