from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts.admin import GoesWithItsOwner
from accounts.names import clean_name
from chat import actions
from chat.errors import Conflict
from chat.models import Membership, Room


class RoomForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when run
    def clean_name(self) -> str:
        return clean_name(self.cleaned_data["name"])


@admin.register(Room)
class RoomAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """Made, changed and deleted by the same actions as everywhere, so that all hear of it."""

    form = RoomForm
    fields = ["name", "slug", "topic", "visibility", "open_to_guests"]
    readonly_fields = ["slug"]
    list_display = ["name", "slug", "visibility", "open_to_guests", "head", "message_count"]
    list_filter = ["visibility", "open_to_guests"]
    search_fields = ["name", "slug"]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Conflict as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Room, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        if change:
            actions.change_room(room=obj, by=request.user, **form.cleaned_data)
        else:
            obj.pk = actions.create_room(by=request.user, **form.cleaned_data).pk

    def delete_model(self, request: HttpRequest, obj: Room) -> None:
        actions.delete_room(room=obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> None:
        for room in queryset:
            actions.delete_room(room=room)


@admin.register(Membership)
class MembershipAdmin(GoesWithItsOwner, admin.ModelAdmin):  # type: ignore[type-arg]  # the same
    """Members come and go by their own doing, which is an event in the log: here they are seen."""

    list_display = ["room", "user", "role", "joined_at"]
    search_fields = ["room__slug", "user__username"]

    def has_add_permission(self, *_: object) -> bool:
        return False

    def has_change_permission(self, *_: object) -> bool:
        return False
