"""What those who join a log are told that they missed, and how few reads that takes."""

import asyncio
import threading
from collections.abc import Iterable

import pytest

from realtime.log import register_log
from realtime.tails import Tails

Entries = list[tuple[int, bytes]]


class Log:
    """Keeps what it was asked for. While `closed`, reads that have begun do not end."""

    def __init__(self, head: int) -> None:
        self.head = head
        self.asked: list[tuple[int, int] | None] = []
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        self._read(None)
        return dict.fromkeys(owner_ids, self.head)

    def read(self, owner_id: str, *, after: int, limit: int) -> Entries:
        raise AssertionError("a log is followed by its tail")

    def tail(self, owner_id: str, *, lowest: int, highest: int, limit: int) -> tuple[int, Entries]:
        head = self.head
        self._read((lowest, highest))
        return head, [(seq, b"%d" % seq) for seq in range(max(lowest, head - limit) + 1, head + 1)]

    def _read(self, asked: tuple[int, int] | None) -> None:
        self.asked.append(asked)
        self.begun.release()
        assert self.open.wait(60)
        if self.error:
            raise self.error


def logged(log: Log) -> Tails:
    register_log("tailtest", log)
    return Tails()


async def read(tails: Tails, after: int | None, *, of: str = "1") -> tuple[int, list[int] | None]:
    head, entries = await tails.read(f"tailtest.{of}", after)
    return head, None if entries is None else [seq for seq, _ in entries]


async def begun(log: Log) -> None:
    assert await asyncio.to_thread(log.begun.acquire, timeout=60)


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
async def test_what_was_missed(after: int | None, tail: tuple[int, list[int] | None]) -> None:
    assert await read(logged(Log(5)), after) == tail


async def test_more_than_1000_behind_is_too_much() -> None:
    head, entries = await read(logged(Log(1000)), 0)
    assert (head, len(entries or [])) == (1000, 1000)
    assert await read(logged(Log(1001)), 0) == (1001, None)


async def test_an_empty_log_has_nothing_to_miss() -> None:
    tails = logged(Log(0))
    assert await read(tails, 0) == (0, [])
    assert await read(tails, 1) == (0, None)


async def test_those_who_come_at_once_share_one_read_and_each_gets_its_own_part() -> None:
    log = Log(2000)
    tails = logged(log)
    afters = [1998, None, 1997, 500, 2000, 2001]
    found = await asyncio.gather(*(read(tails, after) for after in afters))
    assert log.asked == [(500, 2001)]
    assert found == [
        (2000, [1999, 2000]),
        (2000, []),
        (2000, [1998, 1999, 2000]),
        (2000, None),
        (2000, []),
        (2000, None),
    ]


async def test_a_read_that_has_begun_is_too_old_for_who_comes_now() -> None:
    log = Log(5)
    log.open.clear()
    tails = logged(log)
    early = asyncio.create_task(read(tails, 4))
    await begun(log)
    log.head = 6  # committed, and told to the hub, before these two join
    late = [asyncio.create_task(read(tails, after)) for after in (4, 5)]
    await asyncio.sleep(0)
    log.open.set()
    assert await early == (5, [5])
    assert await asyncio.gather(*late) == [(6, [5, 6]), (6, [6])]
    assert log.asked == [(4, 4), (4, 5)]


async def test_groups_do_not_wait_for_each_other() -> None:
    log = Log(5)
    log.open.clear()
    tails = logged(log)
    both = [asyncio.create_task(read(tails, 4, of=of)) for of in ("1", "2")]
    await begun(log)
    await begun(log)
    log.open.set()
    await asyncio.gather(*both)


async def test_whoever_gives_up_takes_nothing_from_the_others() -> None:
    log = Log(5)
    log.open.clear()
    tails = logged(log)
    gone, stays = (asyncio.create_task(read(tails, 4)) for _ in range(2))
    await begun(log)
    gone.cancel()
    await asyncio.wait([gone])
    log.open.set()
    assert await stays == (5, [5])


async def test_a_read_that_fails_fails_for_all_who_share_it_and_for_nobody_else() -> None:
    log = Log(5)
    log.error = OSError("away")
    log.open.clear()
    tails = logged(log)
    first = [asyncio.create_task(read(tails, 4)) for _ in range(2)]
    await begun(log)
    next_one = asyncio.create_task(read(tails, 4))
    await asyncio.sleep(0)
    log.open.set()
    failed = await asyncio.gather(*first, return_exceptions=True)
    assert [str(error) for error in failed] == ["away", "away"]
    log.error = None
    await asyncio.gather(next_one, return_exceptions=True)
    assert await read(tails, 4) == (5, [5])


async def test_nothing_is_kept_of_reads_that_ended() -> None:
    tails = logged(Log(5))
    await asyncio.gather(*(read(tails, 4, of=str(number)) for number in range(5)))
    assert not tails._reads
    assert not tails._asked
