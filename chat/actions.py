"""What changes rooms. Each durable change takes the room's next `seq` in its own transaction."""

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify

from accounts.names import clean_name
from accounts.queries import person
from chat.errors import Conflict, NotFound, TextInvalid
from chat.frames import (
    MAX_TEXT,
    DurableFrame,
    Member,
    Message,
    RoomChanged,
)
from chat.groups import room_group
from chat.models import Event, Membership, Role, Room, Visibility
from chat.posting import Post, Receipt
from chat.rendering import render
from chat.unread import unread_changed
from realtime.frames import encode, tag_of
from realtime.publish import publish_on_commit, tell

# --- messages ---


def check_text(text: str) -> None:
    if not text.strip():
        raise TextInvalid("A message needs text.")
    if len(text) > MAX_TEXT:
        raise TextInvalid(f"A message has at most {MAX_TEXT} characters.", too_long=True)


def post_messages(posts: Sequence[Post]) -> None:
    """Store the posts in one transaction; each `on_stored` is called on commit, then the room told.

    A `client_id` that its author used in the room before gets the first receipt, whatever the
    text. The number of queries depends neither on the number of posts nor on that of members.
    """
    # Rendered before any lock is held: text can be made to render slowly.
    rendered = [(post, render(post.text)) for post in posts]
    with transaction.atomic():
        rooms = _locked_rooms(post.room_id for post in posts)
        known = _receipts(posts)
        events = [_store_or_repeat(post, html, rooms=rooms, known=known) for post, html in rendered]
        _save(list(rooms.values()), [event for event in events if event])


def post_message(*, room: Room, author: Any, text: str, client_id: str) -> Receipt:
    """Post one message from where there is no event loop. Call it outside of a transaction."""
    check_text(text)
    receipts: list[Receipt] = []
    post_messages(
        [
            Post(
                room_id=room.pk,
                author=author,
                person=person(author),
                text=text,
                client_id=client_id,
                on_stored=receipts.append,
            )
        ]
    )
    return receipts[0]


def _locked_rooms(room_ids: Iterable[int]) -> dict[int, Room]:
    """In the order of their ids, so that two batches never wait for each other's rooms."""
    rooms = Room.objects.select_for_update().filter(pk__in=set(room_ids)).order_by("pk")
    return {room.pk: room for room in rooms.only("pk", "head", "message_count")}


_PostKey = tuple[int, Any, str]


def _receipts(posts: Sequence[Post]) -> dict[_PostKey, Receipt]:
    """Receipts of what the posts repeat. Read under the lock: a first post may just have come."""
    rows = Event.objects.filter(
        room_id__in={post.room_id for post in posts},
        author_id__in={post.author.pk for post in posts},
        client_id__in={post.client_id for post in posts},
    ).values_list("room_id", "author_id", "client_id", "seq", "timestamp")
    return {
        (room_id, author_id, client_id or ""): Receipt(seq, timestamp, repeated=True)
        for room_id, author_id, client_id, seq, timestamp in rows
    }


def _store_or_repeat(
    post: Post, html: str, *, rooms: dict[int, Room], known: dict[_PostKey, Receipt]
) -> Event | None:
    room = rooms.get(post.room_id)
    if room is None:
        raise NotFound("There is no such room.")
    key = (post.room_id, post.author.pk, post.client_id)
    if receipt := known.get(key):
        _acknowledge(post, receipt)
        return None
    room.message_count += 1
    frame = Message(
        seq=room.head + 1,
        timestamp=timezone.now(),
        from_=post.person,
        text=post.text,
        html=html,
        client_id=post.client_id,
        reply_to=post.reply_to,
    )
    receipt = Receipt(frame.seq, frame.timestamp)
    known[key] = Receipt(frame.seq, frame.timestamp, repeated=True)
    # Registered first, so that the author hears `sent` before the message itself.
    _acknowledge(post, receipt)
    return _append(room, frame, author=post.author, client_id=post.client_id)


def _acknowledge(post: Post, receipt: Receipt) -> None:
    transaction.on_commit(lambda: post.on_stored(receipt), robust=True)


# --- the log ---


def _append(room: Room, frame: DurableFrame, *, author: Any, client_id: str | None = None) -> Event:
    """The frame as the next entry of the locked room's log, to be saved with the room."""
    room.head = frame.seq
    payload = encode(frame)
    publish_on_commit(room_group(room.pk), payload, seq=frame.seq)
    return Event(
        room_id=room.pk,
        seq=frame.seq,
        timestamp=frame.timestamp,
        payload=payload.decode(),
        kind=tag_of(frame),
        author_id=author.pk,
        client_id=client_id,
    )


def _save(rooms: Sequence[Room], events: Sequence[Event]) -> None:
    if not events:
        return
    changed = {event.room_id for event in events}
    for room in rooms:
        if room.pk in changed:
            Room.objects.filter(pk=room.pk).update(head=room.head, message_count=room.message_count)
    Event.objects.bulk_create(events)
    if messages := {event.room_id for event in events if event.kind == "message"}:
        transaction.on_commit(lambda: unread_changed(messages), robust=True)


def _record(room: Room, *, author: Any, make: Callable[[int], DurableFrame]) -> None:
    """Append one event, made from its `seq`, to the locked room's log."""
    _save([room], [_append(room, make(room.head + 1), author=author)])


def _locked(room: Room) -> Room:
    """Every change takes the room's row first, so that none waits for another in a circle."""
    try:
        return _locked_rooms([room.pk])[room.pk]
    except KeyError:
        raise NotFound("There is no such room.") from None


# --- rooms and members ---


@transaction.atomic
def create_room(
    *,
    by: Any,
    name: str,
    topic: str = "",
    visibility: str = Visibility.PUBLIC,
    open_to_guests: bool = False,
) -> Room:
    """A new room with its maker as owner. Raises ValidationError for the name, Conflict."""
    name = clean_name(name)
    try:
        with transaction.atomic():
            room = Room.objects.create(
                slug=_slug(name),
                name=name,
                topic=topic.strip(),
                visibility=visibility,
                open_to_guests=open_to_guests,
            )
    except IntegrityError as error:
        raise Conflict("There is a room of that name already.") from error
    _add_member(room, by, role=Role.OWNER)
    return room


def _slug(name: str) -> str:
    """The name in an address; where ASCII cannot say it, a hash tells it from its likes."""
    slug = slugify(name)[:48].strip("-_")
    said = slug and all(
        char.isascii() or not char.isalnum() for char in unicodedata.normalize("NFKD", name)
    )
    digest = hashlib.sha256(name.casefold().encode()).hexdigest()[:8]
    return slug if said else f"{slug or 'room'}-{digest}"


@transaction.atomic
def join_room(*, room: Room, user: Any) -> bool:
    """False if the user was a member before."""
    return _add_member(room, user, role=Role.MEMBER)


def _add_member(room: Room, user: Any, *, role: Role) -> bool:
    locked = _locked(room)
    _, created = Membership.objects.get_or_create(
        room=room,
        user=user,
        defaults={"role": role, "read_seq": locked.head, "read_messages": locked.message_count},
    )
    if created:
        _record(
            locked,
            author=user,
            make=lambda seq: Member(
                seq=seq, timestamp=timezone.now(), user=person(user), op="join"
            ),
        )
    return created


@transaction.atomic
def leave_room(*, room: Room, user: Any) -> bool:
    """False if the user was no member. The sockets of a room that is not public are closed."""
    locked = _locked(room)
    deleted, _ = Membership.objects.filter(room=room, user=user).delete()
    if not deleted:
        return False
    _record(
        locked,
        author=user,
        make=lambda seq: Member(seq=seq, timestamp=timezone.now(), user=person(user), op="leave"),
    )
    if room.visibility != Visibility.PUBLIC:
        transaction.on_commit(lambda: tell("removed", {str(user.pk): {"room": room.slug}}))
    return True


@transaction.atomic
def change_room(*, room: Room, by: Any, name: str, topic: str) -> None:
    name, topic = clean_name(name), topic.strip()
    locked = _locked(room)
    if (
        Room.objects.filter(pk=room.pk)
        .exclude(name=name, topic=topic)
        .update(name=name, topic=topic)
    ):
        _record(
            locked,
            author=by,
            make=lambda seq: RoomChanged(
                seq=seq, timestamp=timezone.now(), name=name, topic=topic, by=person(by)
            ),
        )


# --- reading ---


def mark_read(*, room: Room, user: Any, seq: int) -> int | None:
    """Move the member's read mark forward to `seq`, at most to the head.

    Returns how many messages are unread after it; None if the mark did not move.
    """
    current = Room.objects.only("head", "message_count").filter(pk=room.pk).first()
    if current is None:
        return None
    seq = min(seq, current.head)
    unread = Event.objects.filter(room=room, kind="message", seq__gt=seq, seq__lte=current.head)
    count = unread.count()
    moved = Membership.objects.filter(room=room, user=user, read_seq__lt=seq).update(
        read_seq=seq, read_messages=current.message_count - count
    )
    return count if moved else None
