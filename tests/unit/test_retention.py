"""What is pruned is gone, is told to be gone, and counts no more."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from rest_framework.test import APIClient

from chat import actions, pages
from chat.models import Event, Membership, Room
from chat.queries import rooms_with_unread
from notifications.actions import mark_all_read, notify
from notifications.models import Inbox, InboxEntry, Notification
from notifications.queries import unread_count
from realtime import retention
from realtime.log import ModelLog
from realtime.retention import Rule, retained_kinds, tail_by
from tests.cast import Cast
from tests.rooms import mark_read

pytestmark = pytest.mark.django_db(transaction=True)

log = ModelLog(Room, Event, "room")


@pytest.fixture
def room(cast: Cast) -> Room:
    """Two who joined, and ten messages: `seq` 3 to 12."""
    for number in range(3, 13):
        say(cast, number)
    return Room.objects.get(pk=cast.open_room.pk)


def say(cast: Cast, number: int) -> int:
    return actions.post_message(
        room=cast.open_room, author=cast.owner, text=f"m{number}", client_id=str(number)
    ).seq


def prune(kind: str, *names: str, **options: Any) -> str:
    out = StringIO()
    call_command("prune", kind, *names, stdout=out, **options)
    return out.getvalue()


def seqs(room: Room) -> list[int]:
    return list(Event.objects.filter(room=room).order_by("seq").values_list("seq", flat=True))


def age(room: Room, *numbers: int, days: int) -> None:
    then = timezone.now() - timedelta(days=days)
    Event.objects.filter(room=room, seq__in=numbers).update(timestamp=then)


def unread(room: Room, user: Any) -> int:
    return int(getattr(rooms_with_unread(user).get(pk=room.pk), "unread"))  # noqa: B009


# --- what goes ---


def test_all_but_the_newest_go_and_the_room_knows_where_it_begins(room: Room) -> None:
    said = prune("rooms", "open", keep=4)
    room.refresh_from_db()
    assert seqs(room) == [9, 10, 11, 12]
    assert (room.tail, room.head, room.message_count, room.tail_messages) == (8, 12, 10, 6)
    assert "open: 8 entries gone, up to 8" in said


def test_what_is_old_goes_and_what_is_young_keeps_all_that_follow_it(room: Room) -> None:
    age(room, 1, 2, 3, 5, 6, days=100)
    prune("rooms", older_than=90)
    assert seqs(room) == list(range(4, 13))


def test_with_both_rules_only_what_both_allow_goes(room: Room) -> None:
    age(room, *range(1, 9), days=100)
    owner = Room.objects.get(pk=room.pk)
    before = timezone.now() - timedelta(days=90)
    assert tail_by(Rule(before, keep=10), log, owner) == 2
    assert tail_by(Rule(before, keep=1), log, owner) == 8


def test_a_room_may_become_empty_and_goes_on_where_it_was(cast: Cast, room: Room) -> None:
    prune("rooms", "open", keep=0)
    assert seqs(room) == []
    assert say(cast, 13) == 13
    assert seqs(room) == [13]


def test_other_rooms_and_a_dry_run_lose_nothing(cast: Cast, room: Room) -> None:
    public = seqs(cast.public_room)
    assert "10 entries would go" in prune("rooms", "open", keep=2, dry_run=True)
    assert len(seqs(room)) == 12
    prune("rooms", "open", keep=0)
    assert seqs(cast.public_room) == public


def test_pruning_takes_turns_with_others_and_is_harmless_when_repeated(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    rooms = retained_kinds()["rooms"]
    assert list(retention.prune(rooms, room.pk, tail=8)) == [3, 3, 2]
    assert list(retention.prune(rooms, room.pk, tail=8)) == []
    room.refresh_from_db()
    assert (room.tail, room.tail_messages, seqs(room)[0]) == (8, 6, 9)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({}, []),
        ({"keep": -1}, []),
        ({"older_than": -1}, []),
        ({"older_than": float("nan")}, []),
        ({"keep": 0}, ["nowhere"]),
    ],
)
def test_what_makes_no_sense_prunes_nothing(
    room: Room, options: dict[str, Any], names: list[str]
) -> None:
    with pytest.raises(CommandError):
        prune("rooms", *names, **options)
    assert len(seqs(room)) == 12


# --- what counts ---


def test_nobody_has_unread_what_is_gone(cast: Cast, room: Room) -> None:
    """The owner has read up to 10, the member nothing: of the messages 9 to 12 are left."""
    mark_read(room=room, user=cast.owner, seq=10)
    assert (unread(room, cast.owner), unread(room, cast.member)) == (2, 10)
    prune("rooms", "open", keep=4)
    assert (unread(room, cast.owner), unread(room, cast.member)) == (2, 4)
    mark_read(room=room, user=cast.member, seq=3)  # long gone: the mark does not move
    assert unread(room, cast.member) == 4
    mark_read(room=room, user=cast.member, seq=11)
    say(cast, 13)
    assert (unread(room, cast.owner), unread(room, cast.member)) == (3, 2)
    assert Membership.objects.get(room=room, user=cast.member).read_seq == 11


def test_a_client_id_is_known_for_as_long_as_its_message_is_kept(cast: Cast, room: Room) -> None:
    prune("rooms", "open", keep=4)
    assert say(cast, 12) == 12  # still there: the first receipt
    assert say(cast, 3) == 13  # gone: a message like any other


# --- what is told ---


def test_the_log_begins_with_a_resync_where_something_is_gone(room: Room) -> None:
    prune("rooms", "open", keep=2)
    owner = str(room.pk)
    assert log.read(owner, after=3, limit=9)[0] == (10, b'{"type":"resync","seq":10}')
    assert [seq for seq, _ in log.read(owner, after=3, limit=9)] == [10, 11, 12]
    assert [seq for seq, _ in log.read(owner, after=9, limit=9)] == [10, 11, 12]
    assert [seq for seq, _ in log.read(owner, after=10, limit=9)] == [11, 12]
    prune("rooms", "open", keep=0)
    assert log.read(owner, after=3, limit=9) == [(12, b'{"type":"resync","seq":12}')]
    assert log.read(owner, after=12, limit=9) == []


def test_the_api_says_that_what_is_asked_for_is_gone(cast: Cast, room: Room) -> None:
    prune("rooms", "open", keep=4)
    client = APIClient()
    client.force_authenticate(cast.member)
    url = "/api/rooms/open/events/"
    answer = client.get(url, {"after": 3})
    assert answer.status_code == 410
    assert (answer.json()["code"], answer.json()["seq"]) == ("not_found", 8)
    kept = client.get(url, {"after": 8}).json()
    assert [event["seq"] for event in kept["results"]] == [9, 10, 11, 12]
    assert kept["previous"] is None
    assert client.get(url, {"before": 11, "limit": 1}).json()["previous"] is not None
    assert client.get(url, {"before": 9}).json()["results"] == []


def test_the_page_of_a_room_without_anything_left_starts_where_the_room_goes_on(
    cast: Cast, room: Room
) -> None:
    prune("rooms", "open", keep=0)
    room.refresh_from_db()
    data = pages._room_data(cast.member, room, None)
    assert (data["events"], data["seq"], data["has_more"]) == ([], 12, False)


# --- inboxes ---


@pytest.fixture
def inbox(cast: Cast) -> Inbox:
    """Two that are read, by the entry 3, and two that are not: 4 and 5."""
    for number in range(2):
        notify(
            to=cast.member,
            kind="generic",
            title=f"n{number}",
            message="",
            idempotency_key=f"{number}",
        )
    mark_all_read(user=cast.member)
    for number in range(2, 4):
        notify(to=cast.member, kind="generic", title=f"n{number}", message="")
    notify(to=cast.owner, kind="generic", title="other", message="")
    return Inbox.objects.get(user=cast.member)


def titles(inbox: Inbox) -> list[str]:
    return list(
        Notification.objects.filter(inbox=inbox).order_by("seq").values_list("title", flat=True)
    )


def test_notifications_go_with_their_entries_and_others_keep_theirs(
    cast: Cast, inbox: Inbox
) -> None:
    prune("inboxes", "member", keep=2)
    inbox.refresh_from_db()
    assert (inbox.tail, inbox.head, titles(inbox)) == (3, 5, ["n2", "n3"])
    assert unread_count(cast.member) == 2
    assert unread_count(cast.owner) == 1


def test_what_was_unread_and_goes_is_told_to_be_read(cast: Cast, inbox: Inbox) -> None:
    prune("inboxes", "member", keep=1)
    inbox.refresh_from_db()
    assert (inbox.tail, inbox.head, titles(inbox)) == (4, 6, ["n3"])
    assert unread_count(cast.member) == 1
    last = InboxEntry.objects.get(inbox=inbox, seq=6).payload
    assert '"type":"notification-update"' in last
    assert '"unread":1' in last


def test_an_idempotency_key_is_known_for_as_long_as_its_notification_is_kept(
    cast: Cast, inbox: Inbox
) -> None:
    def again() -> int:
        (sent,) = notify(
            to=cast.member, kind="generic", title="n0", message="", idempotency_key="0"
        )
        return sent.seq

    assert again() == 1
    prune("inboxes", keep=0)
    inbox.refresh_from_db()
    assert again() == inbox.head + 1
