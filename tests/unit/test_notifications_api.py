from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from notifications import actions
from notifications.models import Notification
from notifications.queries import unread_count
from tests.api import as_user
from tests.cast import make_user

pytestmark = pytest.mark.django_db

LIST = "/api/notifications/"
READ_ALL = "/api/notifications/read-all/"
NOBODYS = UUID("6f0c2d0e-7f0b-4b8a-9a51-0d7f6f0c2d0e")


@pytest.fixture
def anna() -> Any:
    return make_user("anna")


@pytest.fixture
def staff() -> Any:
    return make_user("staff", is_staff=True)


def notify(to: Any, **fields: Any) -> Notification:
    given = {"kind": "generic", "title": "Title", "message": "Message"}
    return actions.notify(to=to, **given | fields)[0]


def seqs(answer: Any) -> list[int]:
    assert answer.status_code == 200
    return [result["seq"] for result in answer.json()["results"]]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", LIST),
        ("post", LIST),
        ("post", READ_ALL),
        ("patch", f"{LIST}{NOBODYS.hex}/"),
    ],
)
def test_who_is_not_signed_in_gets_401(method: str, path: str) -> None:
    answer = getattr(APIClient(), method)(path)
    assert answer.status_code == 401
    assert answer.json()["code"] == "not_signed_in"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("delete", LIST),
        ("patch", LIST),
        ("get", READ_ALL),
        ("get", f"{LIST}{NOBODYS.hex}/"),
        ("post", f"{LIST}{NOBODYS.hex}/"),
    ],
)
def test_a_wrong_method_gets_405(anna: Any, method: str, path: str) -> None:
    assert getattr(as_user(anna), method)(path).status_code == 405


# --- the list ---


def test_the_list_shows_ones_own_newest_first(anna: Any) -> None:
    first = notify(anna, action_url="/here/", data={"a": 1})
    notify(anna)
    notify(make_user("ben"))

    answer = as_user(anna).get(LIST)

    assert seqs(answer) == [2, 1]
    page = answer.json()
    assert page["next"] is page["previous"] is None
    assert page["results"][1] == {
        "id": first.public_id,
        "seq": 1,
        "kind": "generic",
        "title": "Title",
        "message": "Message",
        "action_url": "/here/",
        "data": {"a": 1},
        "timestamp": first.timestamp.isoformat().replace("+00:00", "Z"),
        "read": False,
    }


def test_a_guest_has_a_list_too() -> None:
    guest = make_user("guest", guest=True)
    notify(guest)
    assert seqs(as_user(guest).get(LIST)) == [1]


def test_the_list_can_be_of_unread_only(anna: Any) -> None:
    read = notify(anna)
    notify(anna)
    actions.mark_read(user=anna, ids=[read.public_id])

    assert seqs(as_user(anna).get(LIST, {"unread": "true"})) == [2]
    assert seqs(as_user(anna).get(LIST, {"unread": "false"})) == [2, 1]


def test_pages_lead_to_the_end_and_back_without_gap_or_repeat(anna: Any) -> None:
    for _ in range(120):
        notify(anna)
    client = as_user(anna)
    pages = [client.get(LIST)]
    while following := pages[-1].json()["next"]:
        pages.append(client.get(following))

    assert [len(seqs(page)) for page in pages] == [50, 50, 20]
    assert [seq for page in pages for seq in seqs(page)] == list(range(120, 0, -1))
    for page, newer in zip(pages[1:], pages, strict=False):
        assert seqs(client.get(page.json()["previous"])) == seqs(newer)
    assert pages[0].json()["previous"] is None


def test_a_page_keeps_its_filter(anna: Any) -> None:
    for _ in range(60):
        notify(anna)
    actions.mark_read(user=anna, ids=[n.public_id for n in Notification.objects.filter(seq__lt=3)])
    client = as_user(anna)
    second = client.get(client.get(LIST, {"unread": "true"}).json()["next"])
    assert seqs(second) == list(range(10, 2, -1))
    assert "unread=true" in second.json()["previous"]


def test_a_page_takes_the_same_queries_however_long(
    anna: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(60):
        notify(anna)
    with django_assert_num_queries(1):
        as_user(anna).get(LIST)
    with django_assert_num_queries(2):
        as_user(anna).get(LIST, {"before": 30})


@pytest.mark.parametrize(
    "query", [{"before": "x"}, {"before": -1}, {"before": 2**80}, {"unread": "perhaps"}]
)
def test_a_malformed_query_gets_400_with_the_field(anna: Any, query: dict[str, Any]) -> None:
    answer = as_user(anna).get(LIST, query)
    assert answer.status_code == 400
    assert answer.json()["fields"].keys() == query.keys()


# --- reading ---


def test_one_is_marked_read_and_unread_again(anna: Any) -> None:
    path = f"{LIST}{notify(anna).public_id}/"
    for read in (True, True, False):
        answer = as_user(anna).patch(path, {"read": read})
        assert answer.status_code == 200
        assert answer.json()["read"] is read
        assert unread_count(anna) == (0 if read else 1)


@pytest.mark.parametrize("name", ["x", "%00", NOBODYS.hex, str(NOBODYS), "1" * 300])
def test_an_unknown_one_is_404(anna: Any, name: str) -> None:
    answer = as_user(anna).patch(f"{LIST}{name}/", {"read": True})
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_somebody_elses_is_404_and_stays_as_it_is(anna: Any) -> None:
    ben = make_user("ben")
    path = f"{LIST}{notify(ben).public_id}/"
    assert as_user(anna).patch(path, {"read": True}).status_code == 404
    assert unread_count(ben) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"read": None}, {"read": "perhaps"}, {"read": "yes"}, {"read": 1}, {"read": []}, []],
)
def test_a_malformed_mark_gets_400(anna: Any, body: Any) -> None:
    made = notify(anna)
    assert as_user(anna).patch(f"{LIST}{made.public_id}/", body).status_code == 400
    assert unread_count(anna) == 1


def test_all_are_marked_read(anna: Any) -> None:
    for _ in range(3):
        notify(anna)
    assert as_user(anna).post(READ_ALL, {"up_to": 2}).json() == {"unread": 1}
    assert as_user(anna).post(READ_ALL).json() == {"unread": 0}


@pytest.mark.parametrize("up_to", ["x", -1, "9" * 30, None, "7", True])
def test_a_malformed_limit_gets_400_with_the_field(anna: Any, up_to: Any) -> None:
    notify(anna)
    answer = as_user(anna).post(READ_ALL, {"up_to": up_to})
    assert answer.status_code == 400
    assert answer.json()["fields"].keys() == {"up_to"}
    assert unread_count(anna) == 1


# --- sending ---


def body(to: Any, **fields: Any) -> dict[str, Any]:
    return {"to": to, "kind": "generic", "title": "Title", "message": "Message"} | fields


def test_staff_notify_people(staff: Any, anna: Any) -> None:
    ben = make_user("ben")
    answer = as_user(staff).post(
        LIST, body([str(anna.pk), str(ben.pk)], action_url="/here/", data={"a": 1})
    )
    assert answer.status_code == 201
    made = Notification.objects.in_bulk([n["id"] for n in answer.json()["notifications"]])
    assert {n.inbox.user_id for n in made.values()} == {anna.pk, ben.pk}
    assert [n["to"] for n in answer.json()["notifications"]] == [str(anna.pk), str(ben.pk)]
    assert {(n.action_url, n.data["a"]) for n in made.values()} == {("/here/", 1)}


def test_staff_notify_one_person(staff: Any, anna: Any) -> None:
    assert as_user(staff).post(LIST, body(str(anna.pk))).status_code == 201
    assert unread_count(anna) == 1


def test_a_repeated_key_notifies_once(staff: Any, anna: Any) -> None:
    answers = [as_user(staff).post(LIST, body(str(anna.pk), idempotency_key="k")) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert unread_count(anna) == 1


def test_no_key_from_outside_is_one_of_the_sites_own(staff: Any, anna: Any) -> None:
    """Or whoever may notify could keep the word of a shipped order from its owner."""
    answer = as_user(staff).post(LIST, body(str(anna.pk), idempotency_key="order-shipped:1"))
    assert answer.status_code == 201
    notify(anna, title="Order shipped", idempotency_key="order-shipped:1")
    assert unread_count(anna) == 2


@pytest.mark.parametrize(("length", "status"), [(196, 201), (197, 400)])
def test_the_longest_key_is_kept_whole(staff: Any, anna: Any, length: int, status: int) -> None:
    answer = as_user(staff).post(LIST, body(str(anna.pk), idempotency_key="k" * length))
    assert answer.status_code == status


def test_others_may_not_notify(anna: Any) -> None:
    answer = as_user(anna).post(LIST, body(str(anna.pk)))
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"
    assert unread_count(anna) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("to", None),
        ("to", []),
        ("to", True),
        ("to", {}),
        ("to", "nobody"),
        ("to", "0"),
        ("to", [["1"]]),
        ("to", str(2**80)),
        ("to", ["1"] * 1001),
        ("kind", "no thing"),
        ("kind", ""),
        ("title", ""),
        ("title", "t" * 201),
        ("title", 5),
        ("message", 1.5),
        ("idempotency_key", 5),
        ("to", 1),
        ("to", [1]),
        ("message", "m" * 2001),
        ("message", None),
        ("action_url", "javascript:alert(1)"),
        ("action_url", "/" + "a" * 500),
        ("data", []),
        ("data", {"a": "x" * 5000}),
        ("idempotency_key", "k" * 201),
    ],
)
def test_a_malformed_notification_gets_400_with_the_field(
    staff: Any, anna: Any, field: str, value: Any
) -> None:
    answer = as_user(staff).post(LIST, body(str(anna.pk)) | {field: value})
    assert answer.status_code == 400
    assert answer.json()["fields"].keys() == {field}
    assert not Notification.objects.exists()


def test_what_is_missing_is_named(staff: Any) -> None:
    answer = as_user(staff).post(LIST, {})
    assert answer.json()["fields"].keys() == {"to", "kind", "title", "message"}


def test_notifying_many_takes_no_more_queries_than_notifying_one(
    staff: Any, django_assert_num_queries: Callable[..., Any]
) -> None:
    people = [make_user(f"user{number}") for number in range(40)]
    actions.notify(to=people, kind="generic", title="Title", message="")
    client = as_user(staff)
    for some in (people[:1], people):
        with django_assert_num_queries(9):
            client.post(LIST, body([str(user.pk) for user in some]))
