from django.contrib import admin
from django.http import HttpRequest

from accounts.admin import GoesWithItsOwner
from notifications.models import Notification


@admin.register(Notification)
class NotificationAdmin(GoesWithItsOwner, admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """To look at only: a change made here would be missing from the person's log."""

    list_display = ["title", "kind", "inbox", "timestamp", "read_at"]
    list_filter = ["kind"]
    search_fields = ["title", "inbox__user__pk"]
    ordering = ["-timestamp"]
    list_select_related = ["inbox"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Notification | None = None) -> bool:
        return False
