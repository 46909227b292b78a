"""Who may come in."""

from typing import Any

from django.conf import settings


def guests_may_enter() -> bool:
    return bool(getattr(settings, "GUESTS", True))


def may_sign_in(user: Any) -> bool:
    return bool(user is not None and user.is_active)
