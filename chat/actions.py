"""What changes rooms. Each durable change takes the room's next `seq` in its own transaction."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.names import clean_name
from accounts.queries import person
from chat import access, room_log
from chat.errors import Conflict, NotFound, TextInvalid
from chat.frames import MAX_TEXT, Message
from chat.groups import room_group
from chat.models import Event, Membership, Removal, Role, Room, Visibility
from chat.posting import Post, Receipt
from chat.record import lock_members, locked, record_change, record_member
from chat.rendering import render
from chat.slugs import slug_apart, slug_of
from chat.unread import unread_changed
from realtime import metrics
from realtime.close_codes import ErrorCode
from realtime.frames import encode
from realtime.publish import publish_stored, recheck_everybody_on_commit, recheck_on_commit

# --- messages ---


def check_text(text: str) -> None:
    if not text.strip():
        raise TextInvalid(ErrorCode.BAD_FRAME, "A message needs text.")
    if len(text) > MAX_TEXT:
        raise TextInvalid(ErrorCode.TOO_LONG, f"A message has at most {MAX_TEXT} characters.")


def post_message(*, room: Room, author: Any, text: str, client_id: str) -> Receipt:
    """Post one message from where there is no event loop, and tell the room on commit.

    `room` as it was when the author was let in: who was put out since is refused with NotFound.
    """
    check_text(text)
    post = Post(
        room_id=room.pk,
        author=author,
        person=person(author),
        text=text,
        client_id=client_id,
        entered_at=room.head,
    )
    receipts = store_messages([post])
    transaction.on_commit(lambda: announce([post], receipts), robust=True)
    return receipts[0]


def store_messages(posts: Sequence[Post], *, impatient: bool = False) -> list[Receipt]:
    """Store the posts in one transaction; who hears of them is for `announce`, after the commit.

    A `client_id` that its author used in the room before gets the first receipt, whatever the
    text. The number of queries depends neither on the number of posts nor on that of members.
    Raises NotFound, and stores nothing, if an author was put out after they were let in; RoomBusy
    if another transaction keeps a room, which `impatient` is found sooner.
    """
    # Rendered before any lock is held: text can be made to render slowly.
    html = {post.key: render(post.text) for post in reversed(posts)}
    try:
        with _storing(impatient=impatient):
            receipts = _append_messages(posts, html)
    except IntegrityError:  # repeats are rare, and looked for only when there is one
        with _storing(impatient=impatient):
            receipts = _append_new_messages(posts, html)
    metrics.messages.inc(sum(not receipt.repeated for receipt in receipts))
    return receipts


@contextmanager
def _storing(*, impatient: bool) -> Iterator[None]:
    with transaction.atomic():
        if impatient:
            room_log.be_impatient()
        yield


def announce(posts: Sequence[Post], receipts: Sequence[Receipt]) -> None:
    """Tell the rooms what was stored, in the order of their logs."""
    stored = [(post, receipt) for post, receipt in zip(posts, receipts, strict=True)]
    for post, receipt in stored:
        if receipt.payload is not None:
            publish_stored(room_group(post.room_id), receipt.payload, seq=receipt.seq)
    if told := {post.room_id for post, receipt in stored if not receipt.repeated}:
        unread_changed(told)


_PostKey = tuple[int, Any, str]


def _append_messages(posts: Sequence[Post], html: Mapping[_PostKey, str]) -> list[Receipt]:
    """Raises IntegrityError if one of them is a repeat."""
    seqs = _take_seqs(posts)
    receipts = [_receipt(post, html[post.key], seq=next(seqs[post.room_id])) for post in posts]
    room_log.insert(
        [
            room_log.Entry(
                room_id=post.room_id,
                seq=receipt.seq,
                timestamp=receipt.timestamp,
                payload=(receipt.payload or b"").decode(),
                author_id=post.author.pk,
                client_id=post.client_id,
            )
            for post, receipt in zip(posts, receipts, strict=True)
        ]
    )
    return receipts


def _take_seqs(posts: Sequence[Post]) -> Mapping[int, Iterator[int]]:
    """In the order of the rooms' ids, so that two batches never wait for each other's rooms.

    The locked room says when somebody last may have been put out. Mostly that is before all of the
    authors came, and then there is nothing to ask. Raises NotFound.
    """
    counts = Counter(post.room_id for post in posts)
    taken = {room_id: room_log.take_seqs(room_id, counts[room_id]) for room_id in sorted(counts)}
    seqs = {room_id: itertools.count(room.first) for room_id, room in taken.items() if room}
    doubted = [
        post
        for post in posts
        if (room := taken[post.room_id]) and room.removal_seq > post.entered_at
    ]
    if len(seqs) < len(counts) or (doubted and access.entries_ended(_entries(doubted))):
        raise NotFound
    return seqs


def _entries(posts: Sequence[Post]) -> list[access.Entry]:
    slugs = dict(
        Room.objects.filter(pk__in={post.room_id for post in posts}).values_list("pk", "slug")
    )
    return [
        access.Entry(
            slug=slugs[post.room_id],
            user_id=post.author.pk,
            guest=post.person.guest is True,
            since=post.entered_at,
        )
        for post in posts
    ]


def _receipt(post: Post, html: str, *, seq: int) -> Receipt:
    frame = Message(
        seq=seq,
        timestamp=timezone.now(),
        from_=post.person,
        text=post.text,
        html=html,
        client_id=post.client_id,
        reply_to=post.reply_to,
    )
    return Receipt(seq, frame.timestamp, encode(frame))


def _append_new_messages(posts: Sequence[Post], html: Mapping[_PostKey, str]) -> list[Receipt]:
    """Append those that are no repeats; a repeat gets the receipt of the first."""
    for room_id in sorted({post.room_id for post in posts}):
        room_log.lock(room_id)
    known = _receipts(posts)
    new: dict[_PostKey, Post] = {}
    for post in posts:
        if post.key not in known:
            new.setdefault(post.key, post)
    fresh = dict(zip(new, _append_messages(list(new.values()), html), strict=True)) if new else {}
    known |= {key: Receipt(receipt.seq, receipt.timestamp) for key, receipt in fresh.items()}
    return [fresh.pop(post.key) if post.key in fresh else known[post.key] for post in posts]


def _receipts(posts: Sequence[Post]) -> dict[_PostKey, Receipt]:
    """Receipts of what the posts repeat. Read under the lock: a first post may just have come."""
    rows = Event.objects.filter(
        room_id__in={post.room_id for post in posts},
        author_id__in={post.author.pk for post in posts},
        client_id__in={post.client_id for post in posts},
    ).values_list("room_id", "author_id", "client_id", "seq", "timestamp")
    return {
        (room_id, author_id, client_id or ""): Receipt(seq, timestamp)
        for room_id, author_id, client_id, seq, timestamp in rows
    }


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
    """A new room with its maker as owner. Raises ValidationError for the name, Conflict.

    Only public rooms are found at their names, and have to have different ones: whether a name is
    taken must not tell of rooms that one may not know of.
    """
    name = clean_name(name)
    fields = {
        "name": name,
        "topic": topic.strip(),
        "visibility": visibility,
        "open_to_guests": open_to_guests,
    }
    if visibility == Visibility.PUBLIC:
        room = _create_public(by=by, slug=slug_of(name), **fields)
    else:
        room = Room.objects.create(slug=slug_apart(name), **fields)
    add_member(locked(room), by, role=Role.OWNER)
    return room


def _create_public(*, by: Any, slug: str, **fields: Any) -> Room:
    try:
        with transaction.atomic():
            return Room.objects.create(slug=slug, **fields)
    except IntegrityError:
        if access.rooms_for(by).filter(slug=slug).exists():
            raise Conflict("There is a room of that name already.") from None
        # It was public once, or its maker is banned there.
        return Room.objects.create(slug=slug_apart(fields["name"]), **fields)


@transaction.atomic
def join_room(*, room: Room, user: Any) -> bool:
    """False if the user was a member before. Raises NotFound for who is banned."""
    room = locked(room)
    if Removal.objects.filter(room=room, user=user, banned=True).exists():
        raise NotFound
    return add_member(room, user, role=Role.MEMBER)


def add_member(room: Room, user: Any, *, role: str, by: Any = None) -> bool:
    """Into the locked room. False if the user was a member before."""
    _, created = Membership.objects.get_or_create(
        room=room,
        user=user,
        defaults={"role": role, "read_seq": room.head, "read_messages": room.message_count},
    )
    if created:
        Removal.objects.filter(room=room, user=user).delete()
        record_member(room, user, op="join", by=by)
    return created


@transaction.atomic
def leave_room(*, room: Room, user: Any) -> bool:
    """False if the user was no member. The sockets of a room that is not public are closed.

    Raises Conflict for the last owner, who has to hand over first.
    """
    room = locked(room)
    if (role := access.role_in(room, user)) is None:
        return False
    if role == Role.OWNER:
        keep_an_owner(room)
    Membership.objects.filter(room=room, user=user).delete()
    record_member(room, user, op="leave")
    if room.visibility != Visibility.PUBLIC:
        put_out(room, user)
    return True


def keep_an_owner(room: Room) -> None:
    """Raises Conflict where one owner fewer would leave the locked room without any."""
    if Membership.objects.filter(room=room, role=Role.OWNER).count() < 2:
        raise Conflict("The last owner hands the room over before.")


def put_out(room: Room, user: Any, *, banned: bool = False) -> None:
    """What let the user into the locked room before counts no more; their sockets there end."""
    Removal.objects.update_or_create(
        room=room,
        user=user,
        defaults={"seq": room.head, "timestamp": timezone.now(), "banned": banned},
    )
    Room.objects.filter(pk=room.pk).update(removal_seq=room.head)
    recheck_on_commit(str(user.pk))


@transaction.atomic
def change_room(
    *,
    room: Room,
    by: Any,
    name: str | None = None,
    topic: str | None = None,
    visibility: str | None = None,
    open_to_guests: bool | None = None,
) -> None:
    """What is None stays as it is, whatever another has made of it meanwhile.

    Those who may not be in the room any more are put out. Raises ValidationError for the name.
    """
    before = locked(room)
    after: dict[str, Any] = {
        "name": before.name if name is None else clean_name(name),
        "topic": before.topic if topic is None else topic.strip(),
        "visibility": before.visibility if visibility is None else visibility,
        "open_to_guests": before.open_to_guests if open_to_guests is None else open_to_guests,
    }
    changed = {field for field, value in after.items() if value != getattr(before, field)}
    if changed:
        Room.objects.filter(pk=before.pk).update(**after)
        record_change(before, by=by, name=after["name"], topic=after["topic"])
    if changed & {"visibility", "open_to_guests"}:
        _doubt_everybody(before)


def _doubt_everybody(room: Room) -> None:
    """Who is in the locked room is known to each worker alone, so all sockets are looked at."""
    Room.objects.filter(pk=room.pk).update(removal_seq=room.head)
    recheck_everybody_on_commit()


@transaction.atomic
def delete_room(*, room: Room) -> None:
    """With its log, and with what is posted meanwhile. Whoever is in it is put out."""
    with suppress(NotFound):  # another has just deleted it
        locked(room)
    lock_members(Membership.objects.filter(room=room))
    room.delete()
    recheck_everybody_on_commit()
