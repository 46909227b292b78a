"""Who may come in, and who is staff."""

from functools import cache
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from accounts.queries import user_by_id


def guests_may_enter() -> bool:
    return bool(getattr(settings, "GUESTS", True))


def who_may_sign_in() -> QuerySet[Any]:
    """As `may_sign_in`. A user model need not have the field."""
    users = get_user_model()
    return users._default_manager.filter(**({"is_active": True} if _has_active(users) else {}))


@cache
def _has_active(users: type[Any]) -> bool:
    return any(field.name == "is_active" for field in users._meta.get_fields())


def may_sign_in(user: Any) -> bool:
    return bool(user is not None and user.is_active)


def is_staff(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)


def is_staff_now(user: Any) -> bool:
    """As the database has it: a socket outlives what was read when it was opened. One query."""
    user_now = user_by_id(user.pk)
    return user_now is not None and is_staff(user_now)
