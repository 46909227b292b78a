from django.contrib import admin

from ops.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    """To look at only."""

    list_display = ["at", "who_name", "what", "whom_name", "connection_id", "words"]
    list_filter = ["what"]
    search_fields = ["who_name", "whom_name", "who_id", "whom_id", "connection_id", "words"]
    date_hierarchy = "at"

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False
