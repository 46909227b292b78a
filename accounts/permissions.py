"""Who may call the API at all. What they may do there is for each app's access.py."""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.models import ApiKey
from accounts.scopes import Scopes, allow


def scopes_of(request: Request) -> Scopes:
    """Those of the API key that calls; None for a person."""
    return frozenset(request.auth.scopes) if isinstance(request.auth, ApiKey) else None


class SignedIn(BasePermission):
    """Anyone signed in; an API key only with the scope that `key_scopes` of the view names.

    `key_scopes` is {method: scope}. What it does not name is for people alone.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        scope = getattr(view, "key_scopes", {}).get(request.method)
        return bool(request.user.is_authenticated) and allow(scopes_of(request), scope)
