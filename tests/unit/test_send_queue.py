"""What goes out together, what comes first, and what gives way."""

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime import send_queue as module
from realtime.packet import Packet
from realtime.send_queue import SendQueue
from realtime.switchboard import PEOPLE


def put(queue: SendQueue, group: str, *payloads: bytes) -> int:
    return sum(queue.put(group, Packet(payload)) for payload in payloads)


def take(queue: SendQueue) -> tuple[str, list[bytes]]:
    group, packets = queue.take()
    return group, [packet.payload for packet in packets]


def test_all_of_a_group_goes_together_and_the_group_that_waits_longest_first() -> None:
    queue = SendQueue()
    put(queue, "a", b"1")
    put(queue, "b", b"2", b"3")
    put(queue, "a", b"4")
    assert len(queue) == 4
    assert take(queue) == ("a", [b"1", b"4"])
    assert take(queue) == ("b", [b"2", b"3"])
    assert not queue


def test_a_message_is_bounded_and_its_group_waits_for_the_others_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MESSAGE_BYTES", 5)
    queue = SendQueue()
    put(queue, "a", b"12", b"34", b"56")
    put(queue, "b", b"a long one")
    assert take(queue) == ("a", [b"12", b"34"])
    assert take(queue) == ("b", [b"a long one"])
    assert take(queue) == ("a", [b"56"])


def test_what_could_not_be_sent_is_next_and_before_what_came_later() -> None:
    queue = SendQueue()
    put(queue, "a", b"1")
    group, packets = queue.take()
    put(queue, "b", b"2")
    put(queue, "a", b"3")
    queue.put_back(group, packets)
    assert len(queue) == 3
    assert take(queue) == ("a", [b"1", b"3"])
    assert take(queue) == ("b", [b"2"])


def test_past_a_bound_the_oldest_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3)
    queue = SendQueue()
    put(queue, "a", b"1", b"2")
    assert put(queue, "b", b"3", b"4", b"5", b"6") == 3
    assert take(queue) == ("b", [b"4", b"5", b"6"])
    monkeypatch.setattr(module, "LIMIT_BYTES", 10)
    assert put(queue, "c", b"x" * 8, b"y" * 8) == 1
    assert take(queue) == ("c", [b"y" * 8])


def test_an_ending_gives_way_to_nothing_that_is_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 3)
    queue = SendQueue()
    put(queue, PEOPLE, b"1", b"2")
    assert put(queue, "a", b"3", b"4") == 1
    assert take(queue) == (PEOPLE, [b"1", b"2"])
    assert take(queue) == ("a", [b"4"])
    assert put(queue, PEOPLE, *[b"x"] * 10) == 7


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans())))
def test_whatever_is_put_and_taken_no_packet_is_lost_or_overtaken_in_its_group(
    steps: list[tuple[str, int, bool]],
) -> None:
    queue, number = SendQueue(), 0
    sent: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    def send() -> None:
        group, packets = queue.take()
        sent[group] += [int(packet.payload) for packet in packets]

    for group, count, fails in steps:
        for _ in range(count):
            number += 1
            queue.put(group, Packet(str(number).encode()))
        if queue and fails:
            queue.put_back(*queue.take())
        elif queue:
            send()
    while queue:
        send()
    assert sorted(chain.from_iterable(sent.values())) == list(range(1, number + 1))
    assert all(numbers == sorted(numbers) for numbers in sent.values())
