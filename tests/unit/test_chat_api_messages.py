"""A message over HTTP is posted once, to the letter and in one's own name."""

from typing import Any

import pytest

from chat.models import Event, Room, Visibility
from tests.api import EVENTS, MESSAGES, as_user, code
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_message_is_posted_once_however_often_it_is_sent(cast: Cast) -> None:
    first = as_user(cast.stranger).post(MESSAGES, {"text": "one", "client_id": "c"})
    again = as_user(cast.stranger).post(MESSAGES, {"text": "two", "client_id": "c"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json().keys() == {"client_id", "seq", "timestamp"}
    event = Event.objects.get(kind="message")
    assert (event.seq, event.author) == (first.json()["seq"], cast.stranger)
    page = as_user(cast.member).get(EVENTS).json()
    assert page["results"][-1]["text"] == "one"
    assert page["results"][-1]["timestamp"] == first.json()["timestamp"]


def test_a_guest_posts_where_guests_may_be(cast: Cast) -> None:
    answer = as_user(cast.guest).post(MESSAGES, {"text": "hi", "client_id": "c"})
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", ""),
        ("text", " \n "),
        ("text", None),
        ("text", 5),
        ("text", True),
        ("text", ["x"]),
        ("client_id", ""),
        ("client_id", None),
        ("client_id", 5),
    ],
)
def test_a_malformed_message_gets_400_with_the_field(cast: Cast, field: str, value: Any) -> None:
    answer = as_user(cast.owner).post(MESSAGES, {"text": "hi", "client_id": "c"} | {field: value})
    assert code(answer) == (400, "bad_frame")
    assert answer.json()["fields"].keys() == {field}
    assert not Event.objects.filter(kind="message").exists()


@pytest.mark.parametrize(("field", "value"), [("reply_to", 1), ("attachments", [{"id": "1"}])])
def test_what_is_not_built_is_refused_and_not_left_out(cast: Cast, field: str, value: Any) -> None:
    posted = {"text": "hi", "client_id": "c"}
    answer = as_user(cast.owner).post(MESSAGES, posted | {field: value})
    assert code(answer) == (404, "unsupported")
    assert not Event.objects.filter(kind="message").exists()
    nothing = as_user(cast.owner).post(MESSAGES, posted | {"reply_to": None, "attachments": []})
    assert nothing.status_code == 201


def test_what_is_missing_from_a_message_is_named(cast: Cast) -> None:
    answer = as_user(cast.owner).post(MESSAGES, {})
    assert answer.json()["fields"].keys() == {"text", "client_id"}


def test_a_message_of_8000_characters_is_taken_to_the_letter(cast: Cast) -> None:
    text = " " + "😀" * 7998 + " "
    as_user(cast.owner).post(MESSAGES, {"text": text, "client_id": "c"})
    assert as_user(cast.owner).get(EVENTS).json()["results"][-1]["text"] == text


def test_nobody_posts_in_anothers_name(cast: Cast) -> None:
    body = {"text": "hi", "client_id": "c", "author": cast.owner.pk, "from": {"id": "1"}}
    as_user(cast.stranger).post(MESSAGES, body)
    assert Event.objects.get(kind="message").author == cast.stranger


def test_a_room_that_goes_while_one_posts_is_404(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.api.room_or_404", lambda *_: Room(pk=0, visibility=Visibility.PUBLIC))
    answer = as_user(cast.owner).post(MESSAGES, {"text": "hi", "client_id": "c"})
    assert code(answer) == (404, "not_found")
