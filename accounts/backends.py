"""Signing in by password."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.internal.userkit import filter_users_by_email, filter_users_by_username
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class PasswordBackend(AuthenticationBackend):  # type: ignore[misc]  # untyped in allauth
    """By username or e-mail address. Whether there is such an account does not show in the time.

    allauth's own hashes the password once for each way in which it finds somebody, and Django's
    once more: an address that had an account took half as long again as one that had none. Here
    one person is looked for, and one hash is made, of nobody's password if need be (by allauth).
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:
        if not credentials.get("password"):
            return None
        if (user := super().authenticate(request, **credentials)) is None:
            raise PermissionDenied  # or the next backend would be asked, and hash
        return user

    def _authenticate(self, _: HttpRequest | None, **credentials: Any) -> Any:
        user = _named(credentials.get("username") or credentials.get("email") or "")
        return self._check_password(user, credentials["password"])


def _named(name: str) -> Any:
    """The username comes first: nobody is shut out by another's address."""
    users = filter_users_by_username(name)
    addressed = filter_users_by_email(name, prefer_verified=True, for_login=True)
    exactly_first = sorted(users, key=lambda user: user.get_username() != name)
    return next(iter([*exactly_first, *addressed]), None)
