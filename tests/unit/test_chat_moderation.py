"""Who is in a room, and who says so: adding, roles, kicks, bans, and the events they leave."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.queries import person
from chat import access, actions, moderation
from chat.access import Entry
from chat.errors import ChatError, Conflict, Forbidden, NotFound
from chat.models import Event, Membership, Removal, Role, Room
from chat.posting import Post
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)


def events(room: Room) -> list[dict[str, Any]]:
    payloads = Event.objects.filter(room=room).order_by("seq").values_list("payload", flat=True)
    return [msgspec.json.decode(payload) for payload in payloads]


def last(room: Room) -> tuple[str, str, str | None]:
    """What was done, to whom, by whom."""
    frame = events(room)[-1]
    assert frame["type"] == "member"
    assert frame["seq"] == Room.objects.get(pk=room.pk).head == len(events(room))
    return frame["op"], frame["user"]["id"], frame.get("by", {}).get("id")


def done(op: str, user: Any, by: Any) -> tuple[str, str, str]:
    return op, str(user.pk), str(by.pk)


def role(room: Room, user: Any) -> str | None:
    return access.role_in(room, user)


def fresh(room: Room) -> Room:
    return Room.objects.get(pk=room.pk)


# --- who may do what ---

ACTORS = ["owner", "moderator", "staff", "member", "stranger", "guest"]
DEEDS: dict[str, Callable[[Room, Any, Any], Any]] = {
    "kick": lambda room, by, user: moderation.kick(room=room, by=by, user=user),
    "ban": lambda room, by, user: moderation.ban(room=room, by=by, user=user),
    "make moderator": lambda room, by, user: moderation.set_member(
        room=room, by=by, user=user, role=Role.MODERATOR
    ),
    "make owner": lambda room, by, user: moderation.set_member(
        room=room, by=by, user=user, role=Role.OWNER
    ),
    "make member": lambda room, by, user: moderation.set_member(
        room=room, by=by, user=user, role=Role.MEMBER
    ),
}
MAY: dict[str, dict[str, set[str]]] = {
    "owner": {
        "a member": {"kick", "ban", "make moderator", "make owner", "make member"},
        "a moderator": {"kick", "ban", "make moderator", "make owner", "make member"},
        "an owner": {"kick", "ban", "make moderator", "make owner", "make member"},
        "a stranger": {"ban", "make moderator", "make owner", "make member"},
    },
    "moderator": {
        "a member": {"kick", "ban", "make member"},
        "a moderator": set(),
        "an owner": set(),
        "a stranger": {"ban", "make member"},
    },
}
MAY["staff"] = MAY["moderator"]
TARGETS: dict[str, str | None] = {
    "a member": Role.MEMBER,
    "a moderator": Role.MODERATOR,
    "an owner": Role.OWNER,
    "a stranger": None,
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("who", ACTORS)
def test_whoever_is_over_somebody_decides(cast: Cast, who: str, target: str, deed: str) -> None:
    user, room = make_user("target"), cast.public_room
    if TARGETS[target]:
        Membership.objects.create(room=room, user=user, role=TARGETS[target])
    before = len(events(room))
    refused = refusal(lambda: DEEDS[deed](room, getattr(cast, who), user))
    if deed in MAY.get(who, {}).get(target, set()):
        assert refused is None
        return
    keeper_and_no_member = who in MAY and (deed, target) == ("kick", "a stranger")
    assert refused is (NotFound if keeper_and_no_member else Forbidden)
    assert role(room, user) == TARGETS[target]
    assert len(events(room)) == before


def refusal(deed: Callable[[], Any]) -> type[ChatError] | None:
    try:
        deed()
    except ChatError as error:
        return type(error)
    return None


@pytest.mark.parametrize("deed", DEEDS)
def test_in_a_direct_room_nobody_is_over_the_other(cast: Cast, deed: str) -> None:
    Room.objects.update(visibility="direct")
    with pytest.raises(Forbidden):
        DEEDS[deed](cast.private_room, cast.owner, cast.member)


# --- adding and roles ---


def test_who_is_added_is_a_member_and_may_read(cast: Cast) -> None:
    room = cast.private_room
    assert moderation.set_member(room=room, by=cast.moderator, user=cast.stranger)
    assert last(room) == done("join", cast.stranger, cast.moderator)
    assert access.room_for(cast.stranger, "private") == room
    assert not moderation.set_member(room=room, by=cast.moderator, user=cast.stranger)
    assert len(events(room)) == fresh(room).head


def test_a_new_role_is_told_once(cast: Cast) -> None:
    room = cast.private_room
    for _ in range(2):
        moderation.set_member(room=room, by=cast.owner, user=cast.member, role=Role.MODERATOR)
    assert last(room) == done("role", cast.member, cast.owner)
    assert [frame.get("op") for frame in events(room)].count("role") == 1
    assert role(room, cast.member) == Role.MODERATOR


def test_what_is_there_already_is_not_a_new_role(cast: Cast) -> None:
    moderation.set_member(room=cast.private_room, by=cast.owner, user=cast.moderator)
    assert role(cast.private_room, cast.moderator) == Role.MODERATOR


# --- the last owner ---


@pytest.mark.parametrize("way", ["leave", "step down"])
def test_the_last_owner_hands_over_before_going(cast: Cast, way: str) -> None:
    room, owner = cast.private_room, cast.owner

    def go() -> None:
        if way == "leave":
            actions.leave_room(room=room, user=owner)
        else:
            moderation.set_member(room=room, by=owner, user=owner, role=Role.MEMBER)

    before = len(events(room))
    with pytest.raises(Conflict):
        go()
    assert role(room, owner) == Role.OWNER
    assert len(events(room)) == before
    moderation.set_member(room=room, by=owner, user=cast.member, role=Role.OWNER)
    go()
    assert role(room, owner) != Role.OWNER


@pytest.mark.parametrize("deed", ["kick", "ban"])
def test_nobody_puts_themselves_out(cast: Cast, deed: str) -> None:
    with pytest.raises(Conflict):
        DEEDS[deed](cast.private_room, cast.owner, cast.owner)


# --- going ---


def test_who_was_kicked_from_a_public_room_may_come_again(cast: Cast) -> None:
    room = cast.public_room
    moderation.kick(room=room, by=cast.moderator, user=cast.member)
    assert last(room) == done("kick", cast.member, cast.moderator)
    assert role(room, cast.member) is None
    assert actions.join_room(room=room, user=cast.member)
    assert not Removal.objects.filter(user=cast.member).exists()


def test_who_was_kicked_from_a_private_room_does_not_find_it(cast: Cast) -> None:
    moderation.kick(room=cast.private_room, by=cast.owner, user=cast.member)
    with pytest.raises(Room.DoesNotExist):
        access.room_for(cast.member, "private")


@pytest.mark.parametrize("slug", ["open", "public", "private"])
def test_for_who_is_banned_the_room_is_not_there(cast: Cast, slug: str) -> None:
    room = access.room_for(cast.member, slug)
    for _ in range(2):
        moderation.ban(room=room, by=cast.owner, user=cast.member)
    assert last(room) == done("ban", cast.member, cast.owner)
    assert [frame.get("op") for frame in events(room)].count("ban") == 1
    with pytest.raises(Room.DoesNotExist):
        access.room_for(cast.member, slug)
    with pytest.raises(NotFound):
        actions.join_room(room=room, user=cast.member)
    with pytest.raises(Conflict):
        moderation.set_member(room=room, by=cast.owner, user=cast.member)
    assert not access.events_for(cast.member, room).exists()


def test_a_ban_can_be_lifted_once(cast: Cast) -> None:
    room = cast.public_room
    moderation.lift_ban(room=room, by=cast.moderator, user=cast.banned)
    assert access.room_for(cast.banned, "public") == room
    assert role(room, cast.banned) is None
    assert actions.join_room(room=room, user=cast.banned)
    with pytest.raises(NotFound):
        moderation.lift_ban(room=room, by=cast.moderator, user=cast.banned)


@pytest.mark.parametrize("who", ["member", "stranger", "guest"])
def test_a_ban_is_not_lifted_by_just_anybody(cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden):
        moderation.lift_ban(room=cast.open_room, by=getattr(cast, who), user=cast.banned)


# --- what was let in before ---


def post(room: Room, author: Any, *, entered_at: int, client_id: str = "c") -> Post:
    return Post(
        room_id=room.pk,
        author=author,
        person=person(author),
        text="hi",
        client_id=client_id,
        entered_at=entered_at,
    )


GOINGS: dict[str, Callable[[Room, Cast], Any]] = {
    "kicked": lambda room, cast: moderation.kick(room=room, by=cast.owner, user=cast.member),
    "banned": lambda room, cast: moderation.ban(room=room, by=cast.owner, user=cast.member),
    "left": lambda room, cast: actions.leave_room(room=room, user=cast.member),
}


@pytest.mark.parametrize("going", GOINGS)
def test_a_post_of_who_was_just_put_out_is_not_stored(cast: Cast, going: str) -> None:
    """Their socket may be open still: the word may have been lost."""
    room = fresh(cast.private_room)
    GOINGS[going](room, cast)
    before = events(room)
    with pytest.raises(NotFound):
        actions.store_messages([post(room, cast.member, entered_at=room.head)])
    assert events(room) == before
    actions.store_messages([post(room, cast.owner, entered_at=room.head)])


@pytest.mark.parametrize(
    ("closing", "let_in"),
    [
        ({"visibility": "private"}, {"owner", "member"}),
        ({"open_to_guests": False}, {"owner", "member", "stranger"}),
        ({"topic": "Tea"}, {"owner", "member", "stranger", "guest"}),
    ],
)
def test_a_room_that_is_closed_takes_no_posts_of_those_who_are_outside_now(
    cast: Cast, closing: dict[str, Any], let_in: set[str]
) -> None:
    room = fresh(cast.open_room)
    actions.change_room(room=room, by=cast.owner, **closing)
    posted = set()
    for who in ("owner", "member", "stranger", "guest"):
        author = getattr(cast, who)
        try:
            actions.store_messages([post(room, author, entered_at=room.head, client_id=who)])
            posted.add(who)
        except NotFound:
            pass
    assert posted == let_in


def test_what_is_not_told_to_change_keeps_what_another_made_of_it(cast: Cast) -> None:
    stale = fresh(cast.open_room)
    actions.change_room(room=stale, by=cast.owner, name="New")
    actions.change_room(room=stale, by=cast.owner, topic="Tea")
    actions.change_room(room=stale, by=cast.owner, visibility="private")
    room = fresh(stale)
    assert (room.name, room.topic, room.visibility) == ("New", "Tea", "private")
    assert room.open_to_guests
    assert [frame["name"] for frame in events(room)[-3:]] == ["New", "New", "New"]


def test_who_comes_again_posts_again(cast: Cast) -> None:
    room = cast.public_room
    moderation.kick(room=room, by=cast.owner, user=cast.member)
    actions.store_messages(
        [post(room, cast.member, entered_at=fresh(room).head, client_id="reads")]
    )
    actions.join_room(room=room, user=cast.member)
    actions.store_messages([post(room, cast.member, entered_at=0, client_id="joined")])


def test_permission_adds_no_query_to_a_post_until_somebody_was_put_out(cast: Cast) -> None:
    room = fresh(cast.public_room)

    def cost(since: int, client_id: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            actions.store_messages([post(room, cast.owner, entered_at=since, client_id=client_id)])
        return len(queries)

    usual = cost(room.head, "1")
    moderation.kick(room=room, by=cast.owner, user=cast.member)
    assert cost(room.head, "2") > usual
    assert cost(fresh(room).head, "3") == usual


def ended(*entries: Entry) -> list[int]:
    out = access.entries_ended(entries)
    return [place for place, entry in enumerate(entries) if entry in out]


def entry(room: Room, user: Any, *, since: int | None = None, guest: bool = False) -> Entry:
    since = fresh(room).head if since is None else since
    return Entry(slug=room.slug, user_id=user.pk, guest=guest, since=since)


@pytest.mark.parametrize("going", GOINGS)
def test_whoever_was_in_a_private_room_is_out_however_they_went(cast: Cast, going: str) -> None:
    room = cast.private_room
    was, stays = entry(room, cast.member), entry(room, cast.owner)
    assert ended(was, stays) == []
    GOINGS[going](room, cast)
    assert ended(was, stays) == [0]


@pytest.mark.parametrize("going", GOINGS)
def test_a_public_room_is_left_freely_and_not_freely_put_out_of(cast: Cast, going: str) -> None:
    room = cast.public_room
    was = entry(room, cast.member)
    GOINGS[going](room, cast)
    assert ended(was) == ([] if going == "left" else [0])
    if going != "banned":  # who is banned has no way to come in later
        assert ended(entry(room, cast.member)) == []


def test_what_becomes_of_a_room_becomes_of_those_in_it(cast: Cast) -> None:
    entries = [
        entry(cast.open_room, cast.guest, guest=True),
        entry(cast.open_room, cast.stranger),
        entry(cast.open_room, cast.member),
    ]
    assert ended(*entries) == []
    Room.objects.filter(pk=cast.open_room.pk).update(open_to_guests=False)
    assert ended(*entries) == [0]
    Room.objects.filter(pk=cast.open_room.pk).update(visibility="private")
    assert ended(*entries) == [0, 1]
    Room.objects.filter(pk=cast.open_room.pk).delete()
    assert ended(*entries) == [0, 1, 2]


def test_the_same_number_of_queries_for_any_number_of_sockets(
    cast: Cast, django_assert_num_queries: Callable[..., Any]
) -> None:
    rooms = [cast.open_room, cast.public_room, cast.private_room]
    many = [entry(room, make_user(f"u{n}{room.pk}")) for n in range(20) for room in rooms]
    for entries in ([entry(cast.private_room, cast.member)], many):
        with django_assert_num_queries(2):
            access.entries_ended(entries)
    moderation.kick(room=cast.private_room, by=cast.owner, user=cast.member)
    earlier = entry(cast.private_room, cast.owner, since=0)
    for entries in ([earlier], [earlier, *many]):
        with django_assert_num_queries(3):
            access.entries_ended(entries)
