"""What allauth asks us."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.names import clean_name
from accounts.throttling import login_wait, too_many_requests
from realtime import addresses


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # untyped in allauth
    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002
        """A username is shown as a name, so it keeps the rules of names.

        Nor is it an e-mail address: one signs in with either, and it could be another's.
        """
        if "@" in username:
            raise ValidationError("A username has no @ in it.", code="invalid")
        cleaned: str = super().clean_username(clean_name(username), shallow=shallow)
        return cleaned

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Attempts are counted together with those over the API, and for all workers.

        allauth's own counts are in Django's cache: for each worker apart, and not in one step.
        """
        name = credentials.get("email") or credentials.get("username") or ""
        if wait := login_wait(request, name):
            raise ImmediateHttpResponse(too_many_requests(request, wait))

    def get_client_ip(self, request: HttpRequest) -> str:
        return addresses.of_request(request)
