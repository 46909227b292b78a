"""A room's log over HTTP is paged in both directions without gap or repeat."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat.models import Event, Room
from tests.api import EVENTS, as_user, code
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def fill(room: Room, count: int) -> None:
    """`count` more messages, without the cost of posting."""
    room.refresh_from_db()
    Event.objects.bulk_create(
        Event(
            room=room,
            seq=seq,
            kind="message",
            timestamp=room.created_at,
            payload=f'{{"type":"message","seq":{seq}}}',
        )
        for seq in range(room.head + 1, room.head + count + 1)
    )
    Room.objects.filter(pk=room.pk).update(head=room.head + count, message_count=count)


def page(user: Any, **query: Any) -> tuple[list[int], dict[str, Any]]:
    answer = as_user(user).get(EVENTS, query)
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    return [event["seq"] for event in body["results"]], body


def test_the_log_starts_with_its_newest_page(cast: Cast) -> None:
    fill(cast.open_room, 98)
    seqs, body = page(cast.guest)
    assert seqs == list(range(51, 101))
    assert body["next"] is None
    assert page(cast.guest, limit=200)[0] == list(range(1, 101))


def test_links_lead_to_the_beginning_and_back_without_gap_or_repeat(cast: Cast) -> None:
    fill(cast.open_room, 23)
    client = as_user(cast.member)

    def walk(first: str, direction: str) -> list[list[int]]:
        pages, link = [], first
        while link:
            body = client.get(link).json()
            pages.append([event["seq"] for event in body["results"]])
            link = body[direction]
        return pages

    back = walk(f"{EVENTS}?limit=10", "previous")
    assert back == [list(range(16, 26)), list(range(6, 16)), list(range(1, 6))]
    forth = walk(f"{EVENTS}?after=0&limit=10", "next")
    assert forth == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]


def test_a_link_is_given_only_where_there_is_something(cast: Cast) -> None:
    fill(cast.open_room, 8)

    def links(**query: Any) -> tuple[bool, bool]:
        _, body = page(cast.member, **query)
        return body["previous"] is not None, body["next"] is not None

    assert links() == (False, False)
    assert links(limit=10) == (False, False)
    assert links(limit=9) == (True, False)
    assert links(before=6, limit=5) == (False, True)
    assert links(before=8, limit=2) == (True, True)
    assert links(after=0, limit=5) == (False, True)
    assert links(after=5, limit=5) == (True, False)


def test_links_are_whole_addresses_that_keep_the_limit(cast: Cast) -> None:
    fill(cast.open_room, 8)
    _, body = page(cast.member, before=8, limit=2)
    link = urlsplit(body["previous"])
    assert (link.scheme, link.netloc, link.path) == ("http", "testserver", EVENTS)
    assert parse_qs(link.query) == {"before": ["6"], "limit": ["2"]}


@pytest.mark.parametrize(
    "query", [{"after": 10**6}, {"before": 0}, {"before": 1}, {"after": 2**53}]
)
def test_beyond_either_end_there_is_nothing(cast: Cast, query: dict[str, int]) -> None:
    seqs, body = page(cast.member, **query)
    assert (seqs, body["next"], body["previous"]) == ([], None, None)


@pytest.mark.parametrize(
    "query",
    [
        {"after": "x"},
        {"after": -1},
        {"after": "1.5"},
        {"after": 2**80},
        {"before": "x"},
        {"before": -1},
        {"before": 2**80},
        {"limit": 0},
        {"limit": 201},
        {"limit": "x"},
        {"limit": -5},
    ],
)
def test_a_malformed_query_gets_400_with_the_field(cast: Cast, query: dict[str, Any]) -> None:
    answer = as_user(cast.member).get(EVENTS, query)
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == query.keys()


def test_one_asks_in_one_direction(cast: Cast) -> None:
    assert code(as_user(cast.member).get(EVENTS, {"after": 1, "before": 5})) == (400, "bad_frame")


def test_a_page_costs_the_same_however_long_the_log(cast: Cast) -> None:
    client = as_user(cast.member)
    with CaptureQueriesContext(connection) as short:
        client.get(EVENTS)
    fill(cast.open_room, 300)
    with CaptureQueriesContext(connection) as long:
        client.get(EVENTS, {"limit": 200})
    assert len(long) == len(short)
