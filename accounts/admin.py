from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from accounts.models import Profile, Ticket, User
from accounts.queries import is_guest, person


class ProfileInline(admin.StackedInline):  # type: ignore[type-arg]
    model = Profile
    can_delete = False


class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    inlines = (ProfileInline,)
    list_display = ("username", "email", "display_name", "is_guest", "is_staff", "is_active")
    list_filter = ("profile__guest", "is_staff", "is_active")
    list_select_related = ("profile",)
    search_fields = ("username", "email", "profile__display_name")

    @admin.display(ordering="profile__display_name")
    def display_name(self, user: User) -> str:
        return person(user).name

    @admin.display(boolean=True, description="guest")
    def is_guest(self, user: User) -> bool:
        return is_guest(user)


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """To be looked at only: tickets are made by those who are to use them."""

    list_display = ("user", "created_at", "expires_at", "ends_at")
    list_select_related = ("user",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


if User._meta.swapped is None:
    admin.site.register(User, PersonAdmin)
