"""The steps of a soak, and its end: the lists of the clients, what they were told, and the log."""

import asyncio
import random
from collections import Counter
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from soak import runner
from soak.client import mark_of
from soak.faults import Fault
from soak.ledger import Ledger, Post
from soak.plan import Plan
from soak.services import Missing
from soak.streets import Streets
from tests.clock import jumping

LOG: list[dict[str, Any]] = [
    {"type": "message", "seq": seq, "text": f"room {seq}", "client_id": f"c{seq}"}
    for seq in (1, 2, 3)
]


def stage_of(trail: list[dict[str, Any]], acked: dict[str, int]) -> Any:
    ledger = Ledger()
    for client_id, seq in acked.items():
        ledger.posts[client_id] = Post("room", client_id, "", 0, calm=True, seq=seq)
    client = SimpleNamespace(
        room="room",
        person=SimpleNamespace(name="Ann"),
        trail=[(frame["seq"], mark_of(frame)) for frame in trail],
    )
    return SimpleNamespace(rooms=["room"], clients=[client], ledger=ledger)


@pytest.mark.parametrize(
    ("log", "trail", "acked", "broken"),
    [
        (LOG, LOG, {"c1": 1, "c3": 3}, {}),
        (LOG, LOG, {"c9": 9}, {"A": 1}),
        (LOG, LOG, {"c1": 2}, {"A": 1}),
        (LOG, LOG[:2], {}, {"B": 1}),
        (LOG, [LOG[0], LOG[1] | {"text": "another"}, LOG[2]], {}, {"B": 1}),
        ([LOG[0], LOG[2]], [LOG[0], LOG[2]], {}, {"B": 1}),
        ([LOG[0], LOG[1] | {"client_id": "c1"}], [], {}, {"A": 1, "B": 1}),
    ],
    ids=["equal", "lost", "renumbered", "short", "altered", "with a hole", "stored twice"],
)
async def test_what_differs_from_the_log_is_a_breach(
    log: list[dict[str, Any]],
    trail: list[dict[str, Any]],
    acked: dict[str, int],
    broken: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def read_log(*_: Any) -> list[dict[str, Any]]:
        return log

    monkeypatch.setattr(runner, "read_log", read_log)
    stage = stage_of(trail, acked)
    await runner.compare(stage)
    assert stage.ledger.broken == broken


async def test_what_was_acknowledged_in_a_room_of_a_faults_own_is_looked_up_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logs = {"room": LOG, "of slow readers": [{"type": "message", "seq": 1, "client_id": "s1"}]}

    async def read_log(_: Any, room: str) -> list[dict[str, Any]]:
        return logs[room]

    monkeypatch.setattr(runner, "read_log", read_log)
    stage = stage_of(LOG, {"c1": 1})
    for client_id, seq in (("s1", 1), ("s2", 2)):
        post = Post("of slow readers", client_id, "", 0, calm=True, seq=seq)
        stage.ledger.posts[client_id] = post
    assert await runner.compare(stage) == 2
    assert stage.ledger.broken == {"A": 1}


class QuietStage:
    """Nobody is there, and nothing runs."""

    def __init__(self) -> None:
        self.waits: dict[int, float] = {}
        self.ledger = Ledger()
        self.plan = Plan(cool=0.0, seconds=0.01)
        self.streets = Streets([])
        self.rooms: list[str] = []
        self.members: list[Any] = []
        self.workers: list[Any] = []
        self.private = ""
        self.cpu_seconds = 0.0
        self.memory_kib = self.processes = 0
        self.clients: list[Any] = []
        self.extra_sockets = self.slow_sockets = 0
        self.crowded: Counter[str] = Counter()
        self.attending: frozenset[Any] = frozenset()
        self.random = random.Random(1)

    async def populate(self) -> None: ...

    async def visitors(self) -> list[Any]:
        return []

    async def dismiss(self, *_: Any) -> None: ...

    async def back(self) -> None: ...

    async def dismiss_all(self, *, but: frozenset[Any] = frozenset()) -> None:
        self.attending &= but

    async def keep_signed_in(self) -> None: ...

    async def until(self, check: Any, *, within: float) -> bool:
        return bool(check())


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Any:
    async def nobody(_: Any) -> None: ...

    monkeypatch.setattr(runner, "WARM", 0.0)
    monkeypatch.setattr(runner, "leave_in_peace", nobody)
    return QuietStage()


def fault_of(run: Any, **options: float) -> Fault:
    return Fault("quake", "The earth shakes", frozenset(), run, **options)


async def test_a_soak_goes_through_its_steps_and_keeps_its_promises(stage: Any) -> None:
    shaken = []

    async def shake(_: Any, seconds: float) -> dict[str, int]:
        shaken.append(seconds)
        return {"tremors": 1}

    told: list[str] = []
    verdict = await runner.soak(stage, [fault_of(shake)], told.append)
    assert verdict.kept
    assert verdict.faults == ["quake"]
    assert shaken == [stage.plan.seconds_each]
    assert told == [
        "people come in",
        "quake: The earth shakes",
        "quake is over",
        "looking for ghosts",
        "waiting for memory to come back",
        "comparing with the log",
    ]


@pytest.mark.parametrize(
    "error", [TimeoutError("it shakes still"), ConnectionError(), ExceptionGroup("", [OSError()])]
)
async def test_a_fault_that_does_not_come_to_its_end_is_a_breach_and_the_soak_goes_on(
    error: Exception, stage: Any
) -> None:
    async def shake(*_: Any) -> None:
        raise error

    verdict = await runner.soak(stage, [fault_of(shake), fault_of(shake)], lambda _: None)
    assert not verdict.kept
    assert verdict.during == {"quake": {"B": 2}}


async def test_a_crowd_of_a_fault_that_failed_does_not_stay(stage: Any) -> None:
    async def shake(*_: Any) -> None:
        stage.attending |= {"somebody of the crowd"}
        stage.extra_sockets = stage.slow_sockets = stage.crowded["room"] = 5000
        raise TimeoutError

    stage.attending = frozenset({"a member"})
    left: list[Any] = []

    async def look(*_: Any) -> dict[str, int]:
        left.append((set(stage.attending), stage.extra_sockets, stage.slow_sockets, stage.crowded))
        return {"looks": 1}

    await runner.soak(stage, [fault_of(shake), fault_of(look)], lambda _: None)
    assert left == [({"a member"}, 0, 0, Counter())]


class Talker:
    def __init__(self, room: str) -> None:
        self.room = room
        self.said: list[float] = []
        self.said_enough = asyncio.Event()

    def post(self) -> None:
        self.said.append(asyncio.get_running_loop().time())
        if len(self.said) == 4:
            self.said_enough.set()

    def resend_stale(self) -> None: ...


@jumping
async def test_where_a_crowd_listens_people_say_no_more_than_it_can_read(
    stage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
    monkeypatch.setattr(runner, "time", clock)
    among_few, among_many = Talker("few"), Talker("many")
    stage.members = [among_few, among_many]
    stage.plan = Plan(rate=1000.0)
    stage.crowded["many"] = 500  # 0.1 s for each message
    async with runner.load(stage), asyncio.timeout(10):
        await among_many.said_enough.wait()
    assert all(after - before >= 0.0999 for before, after in pairwise(among_many.said))
    assert len(among_few.said) > len(among_many.said)


async def test_without_a_fault_people_only_talk(stage: Any) -> None:
    told: list[str] = []
    assert (await runner.soak(stage, [], told.append)).kept
    assert "people talk" in told


async def test_a_fault_without_effect_proves_nothing_and_nothing_is_called_kept(
    stage: Any,
) -> None:
    async def shake(*_: Any) -> dict[str, int]:
        return {"tremors": 7, "houses that fell": 0}

    verdict = await runner.soak(stage, [fault_of(shake)], lambda _: None)
    assert verdict.proves_nothing == ["quake"]
    assert (verdict.kept, verdict.code, verdict.broken) == (False, 2, {})


async def test_a_fault_lasts_as_long_as_it_takes_to_have_an_effect(stage: Any) -> None:
    shaken = []

    async def shake(_: Any, seconds: float) -> dict[str, int]:
        shaken.append(seconds)
        return {"tremors": 1}

    await runner.soak(stage, [fault_of(shake, least=6.0)], lambda _: None)
    assert shaken == [6.0]


async def test_a_site_that_nobody_can_enter_is_told_of_before_anything_is_broken(
    stage: Any,
) -> None:
    async def populate() -> None:
        raise RuntimeError("POST /api/guest/: 403")

    stage.populate = populate
    with pytest.raises(Missing, match="403"):
        await runner.soak(stage, [], lambda _: None)


async def test_what_is_not_the_soaks_own_is_not_called_kept(stage: Any) -> None:
    verdict = await runner.soak(stage, [], lambda _: None)
    assert set(verdict.unseen) == {"E", "F", "G"}


@pytest.mark.parametrize(("workers", "share"), [([1, 2], 0.4), ([], None)])
def test_for_how_much_of_a_fault_a_worker_had_no_core_is_told(
    workers: list[int], share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stage:
        def __init__(self) -> None:
            self.ledger = Ledger()
            self.waits = {pid: float(pid) for pid in workers}

    stage, clock = Stage(), iter([100.0, 102.0])
    monkeypatch.setattr(runner, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with runner.machine_watched(stage):
        if workers:
            stage.waits = {1: 1.1, 2: 2.8, 3: 0.2}
    assert stage.ledger.figures.get(runner.WAITED) == (share and pytest.approx(share))
