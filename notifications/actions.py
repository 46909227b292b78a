"""What may be done with notifications. All but `tell_room_unread` are blocking and transactional.

Every writer locks the inbox first, so that what it read of it holds until it commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models, transaction

from notifications.content import Content, check_content
from notifications.errors import UnknownNotification
from notifications.frames import MAX_IDS, NotificationFrame, NotificationUpdate
from notifications.groups import ROOM_UNREAD
from notifications.inboxes import append, batches, locked, open_inboxes
from notifications.models import Inbox, Notification
from notifications.queries import key_of, unread_counts
from realtime.frames import now
from realtime.publish import tell


def notify(
    *,
    to: AbstractBaseUser | Iterable[AbstractBaseUser],
    kind: str,
    title: str,
    message: str,
    action_url: str = "",
    data: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> list[Notification]:
    """Notify one person or several; returns one notification for each, in the order of `to`.

    Call it from any code that may block, inside a transaction or not: people hear of it once all
    is committed. An `idempotency_key` that a person was notified with before gives that person's
    first notification, and nothing is sent. Raises ValueError for a kind that is no name and for
    content that is malformed or too long: title 200, message 2,000, action_url 500 and
    idempotency_key 200 characters, data 4 KiB of JSON.
    """
    content = check_content(
        kind=kind,
        title=title,
        message=message,
        action_url=action_url,
        data=data,
        idempotency_key=idempotency_key,
    )
    user_ids = _user_ids(to)
    with transaction.atomic():
        inboxes = open_inboxes(user_ids)
        sent: dict[int, Notification] = {}
        for batch in batches(sorted(inboxes.values())):
            sent |= _notify_inboxes(batch, content)
    return [sent[inboxes[user_id]] for user_id in user_ids]


def open_inbox(*, user: Any) -> int:
    """The id of the person's inbox, made if it is missing."""
    return open_inboxes([user.pk])[user.pk]


def mark_read(*, user: Any, ids: Sequence[str]) -> None:
    """Raises UnknownNotification, and changes nothing, if one of them is not the user's."""
    _mark(user=user, ids=ids, read=True)


def mark_unread(*, user: Any, ids: Sequence[str]) -> None:
    """Raises UnknownNotification, and changes nothing, if one of them is not the user's."""
    _mark(user=user, ids=ids, read=False)


@transaction.atomic
def mark_all_read(*, user: Any, up_to: int | None = None) -> None:
    """Mark what has a `seq` of `up_to` or less; by default all there is."""
    if (inbox := _locked_inbox(user)) is None:
        return
    unread = Notification.objects.filter(inbox=inbox, read_at__isnull=True)
    if up_to is not None:
        unread = unread.filter(seq__lte=up_to)
    _set_read(inbox, list(unread.order_by("seq").values_list("pk", flat=True)), read=True)


def tell_room_unread(*, room: str, counts: Mapping[str, int]) -> None:
    """Tell people (by person id) how much of a room they have not read.

    One packet for all of them. Not stored; never blocks.
    """
    tell(
        ROOM_UNREAD,
        {
            person_id: {"room": room, "unread": unread, "mentions": 0}
            for person_id, unread in counts.items()
        },
    )


def forget(inbox: Inbox, tail: int) -> None:
    """Delete what was notified up to `tail`, within the transaction that has locked the inbox.

    What was unread counts no more, and the person's open pages are told so first.
    """
    going = Notification.objects.filter(inbox=inbox, seq__lte=tail)
    unread = going.filter(read_at__isnull=True).order_by("seq").values_list("pk", flat=True)
    _set_read(inbox, list(unread), read=True)
    going.delete()


def _user_ids(to: AbstractBaseUser | Iterable[AbstractBaseUser]) -> list[Any]:
    users = [to] if isinstance(to, models.Model) else to
    user_ids = list(dict.fromkeys(user.pk for user in users))
    if None in user_ids:
        raise ValueError("Nobody can be notified who is not signed in.")
    return user_ids


def _notify_inboxes(inbox_ids: Iterable[int], content: Content) -> dict[int, Notification]:
    inboxes = locked(inbox_ids)
    sent = _sent_before(inboxes, content.idempotency_key)
    if fresh := [inbox for inbox in inboxes if inbox.pk not in sent]:
        sent |= _send(fresh, content)
    return sent


def _sent_before(inboxes: Iterable[Inbox], idempotency_key: str | None) -> dict[int, Notification]:
    if idempotency_key is None:
        return {}
    rows = Notification.objects.filter(inbox__in=inboxes, idempotency_key=idempotency_key)
    return {notification.inbox_id: notification for notification in rows}


def _send(inboxes: list[Inbox], content: Content) -> dict[int, Notification]:
    unread = unread_counts(inbox.pk for inbox in inboxes)
    timestamp = now()
    notifications = Notification.objects.bulk_create(
        Notification(
            inbox=inbox,
            seq=inbox.head + 1,
            timestamp=timestamp,
            kind=content.kind,
            title=content.title,
            message=content.message,
            action_url=content.action_url,
            data=content.data,
            idempotency_key=content.idempotency_key,
        )
        for inbox in inboxes
    )
    append([(n.inbox, _frame(n, unread.get(n.inbox_id, 0) + 1)) for n in notifications])
    return {notification.inbox_id: notification for notification in notifications}


def _frame(notification: Notification, unread: int) -> NotificationFrame:
    return NotificationFrame(
        seq=notification.seq,
        timestamp=notification.timestamp,
        id=notification.public_id,
        kind=notification.kind,
        title=notification.title,
        message=notification.message,
        action_url=notification.action_url,
        data=notification.data,
        unread=unread,
    )


def _locked_inbox(user: Any) -> Inbox | None:
    return Inbox.objects.select_for_update().filter(user=user).first()


@transaction.atomic
def _mark(*, user: Any, ids: Sequence[str], read: bool) -> None:
    keys = {key_of(public_id) for public_id in ids}
    if (inbox := _locked_inbox(user)) is None:
        raise UnknownNotification
    own = Notification.objects.filter(inbox=inbox, pk__in=keys).order_by("seq")
    read_at = dict(own.values_list("pk", "read_at"))
    if len(read_at) < len(keys):
        raise UnknownNotification
    _set_read(inbox, [key for key, at in read_at.items() if (at is None) is read], read=read)


def _set_read(inbox: Inbox, keys: list[UUID], *, read: bool) -> None:
    """Change those that are not so yet, and tell. Nothing to change: nothing to tell."""
    if not keys:
        return
    timestamp = now()
    for batch in batches(keys):
        Notification.objects.filter(pk__in=batch, read_at__isnull=read).update(
            read_at=timestamp if read else None
        )
    updates = _updates(inbox, keys, timestamp=timestamp, read=read)
    append([(inbox, update) for update in updates], each=len(updates))


def _updates(
    inbox: Inbox, keys: list[UUID], *, timestamp: datetime, read: bool
) -> list[NotificationUpdate]:
    """One frame for each MAX_IDS, so that a frame stays small however much was unread."""
    unread = unread_counts([inbox.pk]).get(inbox.pk, 0)
    updates = []
    for number, batch in enumerate(batches(keys, size=MAX_IDS)):
        yet_to_tell = max(0, len(keys) - (number + 1) * MAX_IDS)
        updates.append(
            NotificationUpdate(
                seq=inbox.head + 1 + number,
                timestamp=timestamp,
                ids=[key.hex for key in batch],
                read=read,
                unread=unread + yet_to_tell if read else unread - yet_to_tell,
            )
        )
    return updates
