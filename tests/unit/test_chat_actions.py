"""What changes rooms and their members: once, numbered, and told to those concerned."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections

from chat import actions
from chat.errors import Conflict, NotFound
from chat.models import Role, Room
from tests.cast import Cast, make_user
from tests.rooms import last_frame, log, say, seqs

pytestmark = pytest.mark.django_db(transaction=True)

User = get_user_model()


# --- rooms ---


def test_a_new_room_has_its_maker_as_owner_and_their_coming_as_its_first_event(cast: Cast) -> None:
    room = actions.create_room(by=cast.stranger, name="  Ärger & Co ", topic=" t ")
    assert (room.slug, room.name, room.topic) == ("arger-co", "Ärger & Co", "t")
    assert room.memberships.get().role == Role.OWNER
    frame = last_frame(room)
    assert (frame["seq"], frame["type"], frame["op"]) == (1, "member", "join")
    assert frame["user"] == {"id": str(cast.stranger.pk), "name": "Stranger"}


def test_names_in_any_script_make_rooms_and_only_the_same_one_is_a_conflict(cast: Cast) -> None:
    names = ["日本語", "Общий", "日本 1", "中国 1", "🎉", "!!!"]
    rooms = [actions.create_room(by=cast.owner, name=name) for name in names]
    assert len({room.slug for room in rooms}) == len(names)
    for room in rooms:
        assert re.fullmatch(r"[-a-z0-9]{1,60}", room.slug)
        with pytest.raises(Conflict):
            actions.create_room(by=cast.owner, name=room.name.upper())


def test_private_rooms_have_addresses_that_nobody_can_tell_from_their_names(cast: Cast) -> None:
    names = ["Plans", "Plans", "日本語", "x" * 50]
    rooms = [actions.create_room(by=cast.owner, name=name, visibility="private") for name in names]
    assert len({room.slug for room in rooms}) == len(names)
    for room in rooms:
        assert re.fullmatch(r"[-a-z0-9]{1,60}", room.slug)
        assert re.search(r"-[0-9a-f]{8}$", room.slug)


@pytest.mark.parametrize("name", ["Open", "open", " OPEN! "])
def test_a_name_that_reads_like_another_rooms_is_a_conflict(cast: Cast, name: str) -> None:
    count = Room.objects.count()
    with pytest.raises(Conflict):
        actions.create_room(by=cast.owner, name=name)
    assert Room.objects.count() == count


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\u202eb", "a\0b", "x" * 51])
def test_a_room_is_not_called_just_anything(cast: Cast, name: str) -> None:
    with pytest.raises(ValidationError):
        actions.create_room(by=cast.owner, name=name)
    with pytest.raises(ValidationError):
        actions.change_room(room=cast.open_room, by=cast.owner, name=name, topic="")


def test_a_change_is_told_with_who_made_it_and_no_change_is_not(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    for _ in range(2):
        actions.change_room(room=cast.open_room, by=cast.staff, name=" New ", topic=" t ")
    ((_, frame),) = published
    assert (frame["type"], frame["name"], frame["topic"]) == ("room", "New", "t")
    assert frame["by"]["name"] == "Staff"
    cast.open_room.refresh_from_db()
    assert (cast.open_room.name, cast.open_room.slug) == ("New", "open")


@pytest.mark.parametrize("change", ["join", "leave", "change"])
def test_a_room_that_is_gone_is_not_found(cast: Cast, change: str) -> None:
    room = cast.open_room
    Room.objects.filter(pk=room.pk).delete()
    changes: dict[str, Callable[[], Any]] = {
        "join": lambda: actions.join_room(room=room, user=cast.member),
        "leave": lambda: actions.leave_room(room=room, user=cast.member),
        "change": lambda: actions.change_room(room=room, by=cast.owner, name="New", topic=""),
    }
    with pytest.raises(NotFound):
        changes[change]()


# --- members ---


def test_joining_is_an_event_once(cast: Cast, published: list[tuple[str, dict[str, Any]]]) -> None:
    assert actions.join_room(room=cast.open_room, user=cast.stranger)
    assert not actions.join_room(room=cast.open_room, user=cast.stranger)
    ((group, frame),) = published
    assert group == f"room.{cast.open_room.pk}"
    assert (frame["type"], frame["op"], frame["user"]["name"]) == ("member", "join", "Stranger")
    assert frame["seq"] == seqs(cast.open_room)[-1]


def test_leaving_is_an_event_once(cast: Cast, published: list[tuple[str, dict[str, Any]]]) -> None:
    assert actions.leave_room(room=cast.open_room, user=cast.member)
    assert not actions.leave_room(room=cast.open_room, user=cast.member)
    ((_, frame),) = published
    assert (frame["op"], frame["user"]["id"]) == ("leave", str(cast.member.pk))
    assert not cast.open_room.memberships.filter(user=cast.member).exists()


def test_whoever_leaves_a_private_room_is_looked_at_on_every_worker(
    cast: Cast, published: list[tuple[str, dict[str, Any]]]
) -> None:
    actions.leave_room(room=cast.private_room, user=cast.member)
    recheck = ("people", {"notice": "recheck", "people": {str(cast.member.pk): None}})
    assert published[-1] == recheck


def test_joining_leaving_and_posting_share_one_row_of_numbers(cast: Cast) -> None:
    actions.join_room(room=cast.open_room, user=cast.stranger)
    say(cast.open_room, cast.stranger)
    actions.change_room(room=cast.open_room, by=cast.owner, name="New", topic="t")
    actions.leave_room(room=cast.open_room, user=cast.stranger)
    assert [kind for _, kind in log(cast.open_room)[-4:]] == ["member", "message", "room", "member"]
    assert seqs(cast.open_room) == list(range(1, len(log(cast.open_room)) + 1))


def test_nobody_is_a_member_twice(cast: Cast) -> None:
    make_user("twice")

    def work(_: int) -> bool:
        try:
            user = User.objects.get(username="twice")
            return actions.join_room(room=cast.open_room, user=user)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        joined = list(threads.map(work, range(4)))
    assert sorted(joined) == [False, False, False, True]
    assert cast.open_room.memberships.filter(user__username="twice").count() == 1
