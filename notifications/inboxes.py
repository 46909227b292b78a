"""Inboxes and their logs, for the actions that write to them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from django.db.models import F

from notifications.frames import NotificationFrame, NotificationUpdate
from notifications.groups import inbox_group
from notifications.models import Inbox, InboxEntry
from realtime.frames import encode
from realtime.publish import publish_on_commit

T = TypeVar("T")

BATCH = 500  # rows that one statement names

Frame = NotificationFrame | NotificationUpdate


def open_inboxes(user_ids: Iterable[Any]) -> dict[Any, int]:
    """The inbox id of each user, making those that are missing.

    Two callers may make the same one at once: the database lets one win, and both read that. Made
    before any inbox is locked and in the order of user ids, so that callers cannot wait in a ring.
    """
    inboxes: dict[Any, int] = {}
    for batch in batches(sorted(user_ids)):
        inboxes |= _inbox_ids(batch)
        if missing := [user_id for user_id in batch if user_id not in inboxes]:
            Inbox.objects.bulk_create(
                [Inbox(user_id=user_id) for user_id in missing], ignore_conflicts=True
            )
            inboxes |= _inbox_ids(missing)
    return inboxes


def locked(inbox_ids: Iterable[int]) -> list[Inbox]:
    """In id order, which all callers keep: they cannot wait in a ring."""
    return list(Inbox.objects.select_for_update().filter(pk__in=list(inbox_ids)).order_by("pk"))


def append(entries: Sequence[tuple[Inbox, Frame]], *, each: int = 1) -> None:
    """Write the frames to the logs of locked inboxes, `each` to every one, and publish on commit.

    The frames are numbered from `inbox.head + 1` on.
    """
    Inbox.objects.filter(pk__in={inbox.pk for inbox, _ in entries}).update(head=F("head") + each)
    payloads = [encode(frame) for _, frame in entries]
    InboxEntry.objects.bulk_create(
        InboxEntry(inbox=inbox, seq=frame.seq, timestamp=frame.timestamp, payload=payload.decode())
        for (inbox, frame), payload in zip(entries, payloads, strict=True)
    )
    for (inbox, frame), payload in zip(entries, payloads, strict=True):
        publish_on_commit(inbox_group(inbox.pk), payload, seq=frame.seq)


def batches(items: Sequence[T], *, size: int = BATCH) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _inbox_ids(user_ids: Iterable[Any]) -> dict[Any, int]:
    return dict(Inbox.objects.filter(user__in=list(user_ids)).values_list("user_id", "pk"))
