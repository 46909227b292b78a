from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from typing import Any, NamedTuple

from django.db.models import Case, F, OuterRef, QuerySet, Subquery, Value, When

from chat.access import rooms_for
from chat.errors import Gone
from chat.models import Event, Membership, Room

# A page is one frame, and an outbox is not for frames of megabytes.
PAGE_BYTES = 512 * 1024


class Page(NamedTuple):
    """Payloads of durable frames, ascending by `seq`; more of them in the direction asked for."""

    payloads: list[str]
    has_more: bool


def events_before(events: QuerySet[Event], *, before: int | None = None, limit: int) -> Page:
    """The newest events of a room, or the newest ones below `before`."""
    if before is not None:
        events = events.filter(seq__lt=before)
    page = _page(events.order_by("-seq"), limit)
    return Page(page.payloads[::-1], page.has_more)


def events_after(room: Room, events: QuerySet[Event], *, after: int, limit: int) -> Page:
    """Raises Gone where some of what followed `after` was pruned."""
    page = _page(events.filter(seq__gt=after).order_by("seq"), limit)
    # Asked second: what is pruned between the two is told, too.
    tail = Room.objects.filter(pk=room.pk).values_list("tail", flat=True).first() or 0
    if tail > after:
        raise Gone(tail)
    return page


def _page(events: QuerySet[Event], limit: int) -> Page:
    """At most `limit` events and, but for a single one, PAGE_BYTES."""
    payloads = list(events.values_list("payload", flat=True)[: limit + 1])
    sizes = accumulate(len(payload) for payload in payloads)
    fitting = max(1, sum(size <= PAGE_BYTES for size in sizes))
    count = min(limit, fitting, len(payloads))
    return Page(payloads[:count], has_more=count < len(payloads))


def rooms_with_unread(user: Any) -> QuerySet[Room]:
    """The rooms that the user may know of, each with `unread` (0 for those not joined)."""
    mine = Membership.objects.filter(room=OuterRef("pk"), user=user)
    return (
        rooms_for(user)
        .annotate(read_messages=Subquery(mine.values("read_messages")[:1]))
        .annotate(
            unread=Case(
                When(read_messages__isnull=True, then=Value(0)),
                default=F("message_count") - F("read_messages"),
            )
        )
    )


def sidebar(user: Any) -> list[tuple[Room, int]]:
    """The user's rooms and how many messages are unread in each."""
    return [(room, getattr(room, "unread")) for room in rooms_with_unread(user)]  # noqa: B009 - annotated


def membership_of(room: Room, user: Any) -> Membership | None:
    return Membership.objects.filter(room=room, user=user).first()


def members_of(room: Room) -> QuerySet[Membership]:
    return Membership.objects.filter(room=room).select_related("user__profile")


def unread_by_room(room_ids: Iterable[int]) -> dict[str, dict[str, int]]:
    """Room slug -> person id -> unread messages, in one query."""
    rows = Membership.objects.filter(room_id__in=list(room_ids)).values_list(
        "room__slug", "user_id", F("room__message_count") - F("read_messages")
    )
    counts: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for slug, user_id, unread in rows:
        counts[slug][str(user_id)] = unread
    return counts
