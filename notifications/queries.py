from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from notifications.access import notifications_of
from notifications.errors import UnknownNotification
from notifications.models import Notification

PAGE_SIZE = 50


def unread_count(user: Any) -> int:
    return notifications_of(user).filter(read_at__isnull=True).count()


def unread_counts(inbox_ids: Iterable[int]) -> dict[int, int]:
    """One query; an inbox without unread ones is absent."""
    rows = (
        Notification.objects.filter(inbox__in=list(inbox_ids), read_at__isnull=True)
        .values_list("inbox")
        .annotate(unread=Count("pk"))
    )
    return dict(rows)


def notification(user: Any, public_id: str) -> Notification:
    """Raises UnknownNotification."""
    try:
        return notifications_of(user).get(pk=key_of(public_id))
    except Notification.DoesNotExist as error:
        raise UnknownNotification from error


def key_of(public_id: str) -> UUID:
    """Raises UnknownNotification for what is not written as we write ids."""
    try:
        key = UUID(hex=public_id)
    except ValueError as error:
        raise UnknownNotification from error
    if key.hex != public_id:
        raise UnknownNotification
    return key


@dataclass(frozen=True, kw_only=True, slots=True)
class Newer:
    """The page before this one; without `before` it is the newest."""

    before: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """`older` is the `before` of the next page, None at the end."""

    notifications: list[Notification]
    older: int | None
    newer: Newer | None


def page(
    user: Any, *, unread: bool = False, before: int | None = None, size: int = PAGE_SIZE
) -> Page:
    """Newest first; those below the `seq` `before` where it is given."""
    own = notifications_of(user)
    if unread:
        own = own.filter(read_at__isnull=True)
    shown = own if before is None else own.filter(seq__lt=before)
    rows = list(shown.order_by("-seq")[: size + 1])
    newer = None
    if before is not None:
        above = own.filter(seq__gte=before).order_by("seq").values_list("seq", flat=True)
        newer = _newer(list(above[: size + 1]), size)
    return Page(
        notifications=rows[:size],
        older=rows[size - 1].seq if len(rows) > size else None,
        newer=newer,
    )


def _newer(above: list[int], size: int) -> Newer | None:
    if not above:
        return None
    return Newer(before=above[size] if len(above) > size else None)
