"""What a socket gets when it opens, by the `after` that it opens with."""

from collections.abc import Iterable

import pytest

from realtime import following
from realtime.errors import Refused
from realtime.following import LogConsumer
from realtime.log import register_log


class Log:
    """`late` entries are committed between the two reads."""

    def __init__(self, head: int, late: int = 0) -> None:
        self.head = head
        self.late = late

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        return {"1": self.head}

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        end = self.head + self.late
        return [(seq, b"%d" % seq) for seq in range(after + 1, end + 1)][:limit]


def read_tail(log: Log, after: int | None) -> tuple[int, list[int] | None]:
    register_log("followtest", log)
    head, entries = following._read_tail("followtest.1", after)
    return head, None if entries is None else [seq for seq, _ in entries]


@pytest.mark.parametrize(
    ("after", "tail"),
    [
        (None, (5, [])),
        (0, (5, [1, 2, 3, 4, 5])),
        (3, (5, [4, 5])),
        (5, (5, [])),
        (6, (5, None)),
    ],
)
def test_what_was_missed(after: int | None, tail: tuple[int, list[int] | None]) -> None:
    assert read_tail(Log(5), after) == tail


def test_more_than_1000_behind_is_too_much() -> None:
    head, entries = read_tail(Log(1000), 0)
    assert (head, len(entries or [])) == (1000, 1000)
    assert read_tail(Log(1001), 0) == (1001, None)


def test_what_is_committed_between_the_two_reads_counts_for_the_head() -> None:
    assert read_tail(Log(5, late=2), 3) == (7, [4, 5, 6, 7])


def test_with_as_many_as_can_be_recovered_the_head_is_the_last_that_was_read() -> None:
    head, entries = read_tail(Log(1000, late=5), 0)
    assert head == (entries or [])[-1] == 1000


def test_an_empty_log_has_nothing_to_miss() -> None:
    assert read_tail(Log(0), 0) == (0, [])
    assert read_tail(Log(0), 1) == (0, None)


def consumer(query: bytes) -> LogConsumer:
    consumer = LogConsumer()
    consumer.scope = {"query_string": query}
    return consumer


@pytest.mark.parametrize(
    ("query", "after"),
    [
        (b"", None),
        (b"ticket=x", None),
        (b"after=0", 0),
        (b"ticket=x&after=12", 12),
        (b"after=9999999999999999", 2**53),
    ],
)
def test_after_is_read_from_the_query(query: bytes, after: int | None) -> None:
    assert consumer(query)._after() == after


@pytest.mark.parametrize(
    "query", [b"after=", b"after", b"after=-1", b"after=1&after=1", b"after=%31", b"after=\xb2"]
)
def test_an_unreadable_after_is_refused(query: bytes) -> None:
    with pytest.raises(Refused) as caught:
        consumer(query)._after()
    assert caught.value.close_code == 4400
