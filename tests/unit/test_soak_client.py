"""What a client of the soak takes for a breach, and how it goes on after a `resync`."""

import json
import math
from typing import Any

import pytest

from soak import client as module
from soak.client import Client, Person
from soak.ledger import Ledger, Post
from soak.streets import Streets
from soak.workers import Answer, Door


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """That of a process which never stands still."""
    monkeypatch.setattr("soak.ledger.STALL", math.inf)
    return Ledger()


@pytest.fixture
def ann(ledger: Ledger) -> Client:
    streets = Streets([Door("http://127.0.0.1:1")])
    return Client(Person("1", "Ann", "token"), "room", streets=streets, ledger=ledger, seed=1)


def message(seq: int, *, text: str = "room hello") -> dict[str, Any]:
    return {"type": "message", "seq": seq, "text": text, "client_id": f"c{seq}"}


def hear(client: Client, *frames: dict[str, Any]) -> None:
    for frame in frames:
        client._take(json.dumps(frame))


def test_a_list_in_order_breaks_nothing(ann: Client, ledger: Ledger) -> None:
    hear(ann, message(1), message(2), {"type": "member", "seq": 3})
    assert [seq for seq, _ in ann.trail] == [1, 2, 3]
    assert not ledger.broken


@pytest.mark.parametrize(("seqs", "promise"), [([1, 3], "B"), ([1, 1], "C"), ([1, 2, 1], "C")])
def test_a_hole_a_repetition_and_a_step_back_are_breaches(
    seqs: list[int], promise: str, ann: Client, ledger: Ledger
) -> None:
    hear(ann, *map(message, seqs))
    assert ledger.broken == {promise: 1}


def test_a_text_of_another_room_is_a_breach(ann: Client, ledger: Ledger) -> None:
    hear(ann, message(1, text="elsewhere hello"))
    assert ledger.broken == {"H": 1}


def test_another_number_for_an_acknowledged_message_is_a_breach(
    ann: Client, ledger: Ledger
) -> None:
    ledger.posts["c1"] = Post("room", "c1", "room hello", 0, calm=True)
    for seq in (1, 1, 2):
        hear(ann, {"type": "sent", "client_id": "c1", "seq": seq})
    assert ledger.acknowledged == 1
    assert ledger.broken == {"A": 1}


async def test_after_a_resync_the_room_is_read_over_http_and_then_counted_on(
    ann: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [message(seq) for seq in range(1, 7)]

    async def call(_: Door, __: str, path: str, **___: Any) -> Answer:
        after = int(path.partition("after=")[2].partition("&")[0])
        if after == 2:  # while it reads: the log goes on, and there is a second resync
            hear(ann, {"type": "resync", "seq": 5}, message(6))
        return Answer(200, {"results": log[after : after + 2]})

    monkeypatch.setattr(module, "call", call)
    hear(ann, {"type": "resync", "seq": 4}, message(5))
    await ann.until(lambda: ann.last == 6)
    assert [seq for seq, _ in ann.trail] == [1, 2, 3, 4, 5, 6]
    assert not ledger.broken
    hear(ann, message(8))
    assert ledger.broken == {"B": 1}


@pytest.mark.parametrize("code", [1000, 4400, 4403, 4404, 4413])
def test_a_member_who_is_put_out_is_a_breach_unless_it_was_to_be(
    code: int, ann: Client, ledger: Ledger
) -> None:
    ann._closed(code)
    assert ledger.broken == {"B": 1}
    assert f"put out of room with {code}" in ledger.breaches["B"][0]
    ann.unwanted = True
    ann._closed(code)
    assert ledger.broken == {"B": 1}


async def test_what_comes_twice_while_the_room_is_read_over_http_is_a_breach(
    ann: Client, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def call(*_: Any, **__: Any) -> Answer:
        return Answer(200, {"results": [message(1), message(2), message(3)]})

    monkeypatch.setattr(module, "call", call)
    hear(ann, {"type": "resync", "seq": 1}, message(2), message(2))
    await ann.until(lambda: ann.last == 3)
    hear(ann, message(3))  # it was read already, and comes for the first time
    assert [seq for seq, _ in ann.trail] == [1, 2, 3]
    assert ledger.broken == {"C": 1}


def test_who_is_not_told_when_to_come_again_is_a_breach(ann: Client, ledger: Ledger) -> None:
    hear(ann, {"type": "error", "code": "unavailable", "message": "Later.", "retry_after": 2})
    assert not ledger.broken
    hear(ann, {"type": "error", "code": "unavailable", "message": "Later."})
    assert ledger.broken == {"J": 1}


def delivered(ann: Client, ledger: Ledger, *, after: float) -> None:
    """A message whose author was spared reaches Ann so late."""
    post = Post("room", f"c{ann.last + 1}", "room hello", 1, calm=True)
    post.sent_at -= after
    ledger.posts[post.client_id] = post
    hear(ann, message(ann.last + 1))


def test_a_reader_whom_the_site_cuts_off_has_waited_and_one_whom_a_fault_cuts_off_has_not(
    ann: Client, ledger: Ledger
) -> None:
    hear(ann, welcome())
    ann._first = ann._since = 0.0
    ann._closed(1011)
    hear(ann, welcome())
    delivered(ann, ledger, after=300)
    assert len(ledger.spared[""]) == 1
    ann._streets.touch(0)
    ann._closed(1006)
    ann._streets.spare(0)
    hear(ann, welcome())
    delivered(ann, ledger, after=300)
    assert len(ledger.spared[""]) == 1


def test_who_is_shown_is_what_the_welcome_and_each_presence_say(ann: Client) -> None:
    hear(ann, welcome("1", "2"))
    hear(ann, {"type": "presence", "joined": [{"id": "3"}], "left": [{"id": "2"}], "online": 2})
    assert ann.shown == {"1", "3"}


def welcome(*people: str) -> dict[str, Any]:
    shown = [{"id": each} for each in people]
    return {"type": "welcome", "online": len(people), "people": shown}


async def test_people_sign_in_again_once_for_all_their_sockets(
    ann: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def call(*_: Any, **body: Any) -> Answer:
        asked.append(body)
        return Answer(200, {"access": "another", "refresh": "r2"})

    monkeypatch.setattr(module, "call", call)
    for _ in range(3):
        await ann._sign_in_again(refused="token")
    assert ann.person.access == "another"
    assert len(asked) == 1
