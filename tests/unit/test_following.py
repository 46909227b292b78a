"""What a socket gets when it opens, by the `after` that it opens with."""

from collections.abc import Iterable

import pytest

from realtime.errors import Refused
from realtime.following import LogConsumer
from realtime.frames import Closing, Resync
from realtime.group import Group
from realtime.log import register_log
from realtime.outbox import Frames
from realtime.packet import Packet


class Log:
    def __init__(self, head: int) -> None:
        self.head = head

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        return {"1": self.head}

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        return [(seq, b"%d" % seq) for seq in range(after + 1, self.head + 1)][:limit]

    def tail(
        self, owner_id: str, *, lowest: int, highest: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes]]]:
        return self.head, self.read(owner_id, after=lowest, limit=limit)


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


class Hub:
    """One group whose head is known, or is not."""

    def __init__(self, known: int | None) -> None:
        self.known = known
        self.caught_up: list[int] = []

    def join(self, name: str, subscriber: object) -> str:
        return name

    def head_of(self, group: str) -> int | None:
        return self.known

    async def catch_up(self, group: str, *, head: int) -> None:
        self.caught_up.append(head)


@pytest.mark.parametrize(
    ("query", "known", "reads"),
    [
        (b"", 5, False),
        (b"after=5", 5, False),
        (b"after=4", 5, True),
        (b"after=6", 5, True),
        (b"", None, True),
        (b"after=0", 0, False),
    ],
)
async def test_the_log_is_read_only_for_whoever_may_have_missed_something(
    query: bytes, known: int | None, reads: bool
) -> None:
    register_log("followtest", Log(6))
    joining = consumer(query)
    joining.hub = Hub(known)  # type: ignore[assignment]
    head, entries = await joining.join("followtest.1")
    assert joining.hub.caught_up == ([6] if reads else [])
    assert head == (6 if reads else known)
    assert bool(entries) == (query == b"after=4")


class Joiner(LogConsumer):
    """What it says and delivers, in order."""

    def __init__(self, group: Group) -> None:
        super().__init__()
        self.group = group
        self.connection_id = self.person_id = ""
        self.got: list[object] = []

    def answer(self, frame: object) -> None:
        self.got.append(frame)

    def deliver(self, frames: Frames) -> None:
        self.got += [int(text) for text in frames.texts]


class Healing:
    """The hub of one group, which a log stands behind."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def catch_up(self, group: Group, *, head: int) -> None:
        group.start_at(head)
        group.heal(self.log.read("1", after=group.last or 0, limit=1000))


def joined(head: int, log: Log) -> tuple[Joiner, Group]:
    """A group that another joiner, who read the log later, began at `head`."""
    register_log("followtest", log)
    group = Group("followtest.1", on_waiting=Group.flush)
    joiner = Joiner(group)
    joiner.hub = Healing(log)  # type: ignore[assignment]
    group.join(joiner)
    group.start_at(head)
    return joiner, group


WELCOME = Closing(code=0)


async def test_a_joiner_whom_another_overtook_gets_what_lies_between() -> None:
    joiner, group = joined(17, Log(17))
    await joiner.go_live(WELCOME, 14, [])
    group.receive(Packet(b"18", seq=18))
    assert joiner.got == [WELCOME, 15, 16, 17, 18]


async def test_hints_of_what_it_read_meanwhile_are_not_delivered_again() -> None:
    joiner, group = joined(17, Log(20))
    await joiner.go_live(WELCOME, 14, [])
    for seq in (18, 19, 20, 21):
        group.receive(Packet(b"%d" % seq, seq=seq))
    assert joiner.got == [WELCOME, *range(15, 22)]


async def test_a_joiner_whom_another_overtook_by_far_resyncs() -> None:
    joiner, _ = joined(2000, Log(2000))
    await joiner.go_live(WELCOME, 14, [])
    assert joiner.got == [WELCOME, Resync(seq=2000)]


async def test_a_log_that_lost_what_was_delivered_lets_nobody_in() -> None:
    joiner, _ = joined(17, Log(14))
    with pytest.raises(Refused) as caught:
        await joiner.go_live(WELCOME, 14, [])
    assert caught.value.close_code == 4503
