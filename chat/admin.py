from django.contrib import admin

from chat.models import Membership, Room


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic when run
    list_display = ["name", "slug", "visibility", "open_to_guests", "head", "message_count"]
    list_filter = ["visibility", "open_to_guests"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """Members come and go by their own doing, which is an event in the log: here they are seen."""

    list_display = ["room", "user", "role", "joined_at"]
    search_fields = ["room__slug", "user__username"]

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False

    def has_delete_permission(self, *_: object) -> bool:
        return False
