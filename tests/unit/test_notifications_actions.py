import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction

from notifications import actions
from notifications.errors import UnknownNotification
from notifications.models import Inbox, InboxEntry, Notification
from notifications.queries import unread_count
from tests.cast import make_user

pytestmark = pytest.mark.django_db

Published = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


@pytest.fixture
def ben() -> Any:
    return make_user("ben")


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Published:
    """(group, frame) of all that was sent."""
    sent: Published = []
    monkeypatch.setattr(
        "realtime.publish._send",
        lambda group, packet: sent.append((group, json.loads(packet.payload))),
    )
    return sent


def notify(to: Any, **fields: Any) -> list[Notification]:
    given = {"kind": "generic", "title": "Title", "message": "Message"}
    return actions.notify(to=to, **given | fields)


def log(user: Any) -> list[dict[str, Any]]:
    entries = InboxEntry.objects.filter(inbox__user=user).order_by("seq")
    return [json.loads(entry.payload) for entry in entries]


def ids(notifications: list[Notification]) -> list[str]:
    return [notification.public_id for notification in notifications]


# --- notify ---


def test_a_notification_is_stored_with_the_frame_that_announces_it(anna: Any) -> None:
    (made,) = notify(anna, action_url="/here/", data={"a": 1})

    assert Notification.objects.get().pk == made.pk
    (frame,) = log(anna)
    timestamp = frame.pop("timestamp")
    assert timestamp == made.timestamp.isoformat().replace("+00:00", "Z")
    assert frame == {
        "type": "notification",
        "seq": 1,
        "id": made.public_id,
        "kind": "generic",
        "title": "Title",
        "message": "Message",
        "action_url": "/here/",
        "data": {"a": 1},
        "unread": 1,
    }


def test_each_person_gets_one_in_the_order_asked(anna: Any, ben: Any) -> None:
    made = notify([ben, anna, ben])
    assert [notification.inbox.user_id for notification in made] == [ben.pk, anna.pk]


def test_nobody_to_notify_is_no_error() -> None:
    assert notify([]) == []


def test_someone_who_is_not_signed_in_cannot_be_notified() -> None:
    with pytest.raises(ValueError, match="not signed in"):
        notify([AnonymousUser()])


def test_an_inbox_is_numbered_without_holes_and_counts_its_unread(anna: Any, ben: Any) -> None:
    notify(anna)
    notify([anna, ben])
    notify(anna)

    assert [(frame["seq"], frame["unread"]) for frame in log(anna)] == [(1, 1), (2, 2), (3, 3)]
    assert [(frame["seq"], frame["unread"]) for frame in log(ben)] == [(1, 1)]
    assert Inbox.objects.get(user=anna).head == 3


def test_a_kind_that_is_no_name_stores_nothing(anna: Any) -> None:
    with pytest.raises(ValueError, match="no name for a kind"):
        notify(anna, kind="no thing")
    assert not Inbox.objects.exists()


def test_a_repeated_key_gives_the_first_and_publishes_nothing(
    anna: Any, published: Published, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        (first,) = notify(anna, idempotency_key="k")
        (second,) = notify(anna, idempotency_key="k", title="Another")

    assert second == first
    assert second.title == "Title"
    assert len(published) == len(log(anna)) == 1


def test_a_key_is_each_persons_own(anna: Any, ben: Any) -> None:
    (first,) = notify(anna, idempotency_key="k")
    again, fresh = notify([anna, ben], idempotency_key="k")
    assert again == first
    assert fresh.inbox.user_id == ben.pk
    assert len(log(ben)) == 1


def test_without_a_key_nothing_counts_as_repeated(anna: Any) -> None:
    assert notify(anna) != notify(anna, idempotency_key="")


@pytest.mark.parametrize("key", [None, "k"])
def test_notifying_many_takes_no_more_queries_than_notifying_one(
    anna: Any, key: str | None, django_assert_num_queries: Callable[..., Any]
) -> None:
    many = [make_user(f"user{number}") for number in range(60)]
    notify([anna, *many])
    # savepoint and release, inboxes, lock, (key), unread, heads, entries, notifications
    expected = 8 if key is None else 9
    with django_assert_num_queries(expected):
        notify(anna, idempotency_key=key)
    with django_assert_num_queries(expected):
        notify(many, idempotency_key=key)


def test_a_first_notification_costs_two_queries_more(
    django_assert_num_queries: Callable[..., Any],
) -> None:
    many = [make_user(f"user{number}") for number in range(60)]
    with django_assert_num_queries(10):
        notify(many)


def test_more_people_than_one_statement_names_are_all_notified(
    anna: Any, ben: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.inboxes.batches.__kwdefaults__", {"size": 2})
    people = [anna, ben, *(make_user(f"user{number}") for number in range(3))]
    assert [n.inbox.user_id for n in notify(people)] == [user.pk for user in people]
    assert all(len(log(user)) == 1 for user in people)


def test_it_is_published_to_the_inbox_on_commit(
    anna: Any, published: Published, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        notify(anna)
        assert published == []
    assert published == [(f"inbox.{Inbox.objects.get().pk}", log(anna)[0])]


def test_what_is_rolled_back_is_not_published(
    anna: Any, published: Published, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    def fail_after_notifying() -> None:
        with transaction.atomic():
            notify(anna)
            raise RuntimeError

    with django_capture_on_commit_callbacks(execute=True), pytest.raises(RuntimeError):
        fail_after_notifying()
    assert published == []
    assert not Notification.objects.exists()
    notify(anna)
    assert [frame["seq"] for frame in log(anna)] == [1]


# --- reading ---


def test_reading_tells_once_what_changed(anna: Any) -> None:
    first, second = notify(anna) + notify(anna)
    actions.mark_read(user=anna, ids=ids([first]))
    actions.mark_read(user=anna, ids=ids([first]))
    actions.mark_read(user=anna, ids=ids([second, first, second]))

    one, two = log(anna)[2:]
    assert (one["type"], one["seq"], one["ids"]) == ("notification-update", 3, ids([first]))
    assert (one["read"], one["unread"]) == (True, 1)
    assert (two["seq"], two["ids"], two["unread"]) == (4, ids([second]), 0)
    assert Inbox.objects.get().head == 4


def test_a_notification_can_be_unread_again(anna: Any) -> None:
    (made,) = notify(anna)
    actions.mark_unread(user=anna, ids=ids([made]))
    actions.mark_read(user=anna, ids=ids([made]))
    actions.mark_unread(user=anna, ids=ids([made]))

    assert [(frame["read"], frame["unread"]) for frame in log(anna)[1:]] == [(True, 0), (False, 1)]
    assert unread_count(anna) == 1


@pytest.mark.parametrize("unknown", ["5c7a" * 8, "x", "", str(UUID("5c7a" * 8)), "5C7A" * 8])
def test_an_unknown_id_changes_nothing(anna: Any, unknown: str) -> None:
    (made,) = notify(anna)
    with pytest.raises(UnknownNotification):
        actions.mark_read(user=anna, ids=[made.public_id, unknown])
    assert unread_count(anna) == len(log(anna)) == 1


def test_what_is_not_ones_own_is_as_unknown(anna: Any, ben: Any) -> None:
    (made,), (bens,) = notify(anna), notify(ben)
    with pytest.raises(UnknownNotification):
        actions.mark_read(user=anna, ids=ids([made, bens]))
    with pytest.raises(UnknownNotification):
        actions.mark_read(user=make_user("new"), ids=ids([bens]))
    assert unread_count(anna) == unread_count(ben) == 1


def test_all_are_read_up_to_what_was_seen(anna: Any) -> None:
    made = notify(anna) + notify(anna) + notify(anna)
    actions.mark_all_read(user=anna, up_to=2)
    update = log(anna)[-1]
    assert (update["ids"], update["read"], update["unread"]) == (ids(made[:2]), True, 1)

    actions.mark_all_read(user=anna)
    assert log(anna)[-1]["ids"] == ids(made[2:])
    actions.mark_all_read(user=anna)
    assert len(log(anna)) == 5


def test_reading_all_of_an_inbox_that_was_never_opened_is_no_error(anna: Any) -> None:
    actions.mark_all_read(user=anna)
    assert not Inbox.objects.exists()


def test_a_long_list_is_told_in_frames_of_bounded_size(
    anna: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "MAX_IDS", 2)
    made = [notification for _ in range(5) for notification in notify(anna)]
    actions.mark_all_read(user=anna)
    updates = log(anna)[5:]
    assert [frame["seq"] for frame in updates] == [6, 7, 8]
    assert [frame["unread"] for frame in updates] == [3, 1, 0]
    assert [id_ for frame in updates for id_ in frame["ids"]] == ids(made)
    assert Inbox.objects.get().head == 8


def test_reading_all_takes_the_same_queries_however_many(
    anna: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(30):
        notify(anna)
    with django_assert_num_queries(8):
        actions.mark_all_read(user=anna)


def test_the_unread_that_is_told_always_equals_the_database(anna: Any) -> None:
    first, second = notify(anna) + notify(anna)
    for change in (
        lambda: actions.mark_read(user=anna, ids=ids([second])),
        lambda: notify(anna),
        lambda: actions.mark_unread(user=anna, ids=ids([second])),
        lambda: actions.mark_all_read(user=anna, up_to=first.seq),
        lambda: notify(anna, idempotency_key="k"),
        lambda: actions.mark_all_read(user=anna),
        lambda: notify(anna, idempotency_key="k"),
    ):
        change()
        assert log(anna)[-1]["unread"] == unread_count(anna)


# --- together ---


def at_once(*works: Callable[[], Any]) -> None:
    barrier = Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            barrier.wait(timeout=30)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        list(pool.map(run, works))


@pytest.mark.django_db(transaction=True)
def test_people_notified_at_once_get_all_in_an_unbroken_log(anna: Any, ben: Any) -> None:
    at_once(
        *(lambda: notify([anna, ben]) for _ in range(4)),
        *(lambda: notify([ben, anna]) for _ in range(4)),
    )
    for user in (anna, ben):
        assert [(f["seq"], f["unread"]) for f in log(user)] == [(n, n) for n in range(1, 9)]


@pytest.mark.django_db(transaction=True)
def test_a_key_used_at_once_notifies_once(anna: Any) -> None:
    at_once(*(lambda: notify(anna, idempotency_key="k") for _ in range(4)))
    assert len(log(anna)) == Notification.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_inbox_opened_at_once_is_one(anna: Any) -> None:
    at_once(*(lambda: actions.open_inbox(user=anna) for _ in range(4)))
    assert Inbox.objects.count() == 1
