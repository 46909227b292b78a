from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from accounts import api_keys
from accounts.models import ApiKey, Profile, Ticket, User
from accounts.queries import is_guest, person
from accounts.scopes import Scope


class GoesWithItsOwner:
    """For what is not deleted by itself: whatever it belongs to takes it along."""

    opts: Any

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Asked from the pages of what it belongs to, too.
        own = f"{self.opts.app_label}_{self.opts.model_name}_"
        match = request.resolver_match
        return match is not None and not (match.url_name or "").startswith(own)


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


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, scope.value) for scope in Scope], widget=forms.CheckboxSelectMultiple
    )

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("That is over.")
        return expires_at


@admin.register(ApiKey)
class ApiKeyAdmin(GoesWithItsOwner, admin.ModelAdmin):  # type: ignore[type-arg]
    """A key is not changed or deleted: what it was, and when it was revoked, can be seen."""

    form = ApiKeyForm
    fields = ("name", "user", "scopes", "expires_at")
    raw_id_fields = ("user",)
    list_display = (
        "prefix",
        "name",
        "user",
        "scopes",
        "created_at",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_select_related = ("user",)
    search_fields = ("prefix", "name")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return super().has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's
        api_keys.give_text(obj)
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The key itself, this once. A message would be kept in a cookie until it is read."""
        context = {**self.admin_site.each_context(request), "key": obj, "title": "API key made"}
        return TemplateResponse(request, "admin/accounts/apikey/made.html", context)

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            api_keys.revoke(key=key)
        self.message_user(request, "Revoked.")


if User._meta.swapped is None:
    admin.site.register(User, PersonAdmin)
