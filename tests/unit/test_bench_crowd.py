"""Rooms full of members, as the load of the benchmarks makes them."""

import asyncio
import os
import time
from typing import Any

import pytest

from benchmarks.load.dialects import DIALECTS
from benchmarks.load.tally import Failure, Flight, Tally
from soak.machine import cpu_seconds

pytest.importorskip("picows", reason="of requirements-bench.txt")

from benchmarks.load import crowd, jobs
from benchmarks.load.crowd import Crowd
from benchmarks.load.member import Listener, Member


async def test_the_first_member_of_each_room_only_listens(monkeypatch: Any) -> None:
    made: list[Any] = []

    async def connect(make: Any, urls: list[str], _tokens: Any, **_: Any) -> None:
        made.extend(make(number) for number in range(len(urls)))

    monkeypatch.setattr(crowd, "connect", connect)
    monkeypatch.setattr(crowd, "SETTLE_SECONDS", 0)
    room_count, members = 3, 4
    one = await Crowd.gather(
        "event", ["ws://x"] * room_count, [], members=members, pid=0, told=lambda _: None
    )

    assert [type(member) for member in made] == [Listener, Member, Member, Member] * room_count
    assert [len(tally.senders) for tally in one.tallies] == [members - 1] * room_count
    assert [tally.listener for tally in one.tallies] == made[::members]


async def test_what_comes_after_the_end_fails_the_run(monkeypatch: Any) -> None:
    monkeypatch.setattr(crowd, "LATE_SECONDS", 0)
    tally = Tally(DIALECTS["event"])
    tally.listener = Member(tally)
    one = Crowd([tally], pid=os.getpid())
    await one.settle()

    tally.came(tally.listener, b"#late")

    with pytest.raises(Failure, match="repeated"):
        await one.settle()


@pytest.mark.parametrize("kind", ["fanout", "paced"])
async def test_a_job_ends_with_a_last_look(kind: str, monkeypatch: Any) -> None:
    class Repeating:
        async def measure(self, _window: int, *, seconds: float) -> dict[str, float]:
            return {}

        pace = measure

        async def settle(self) -> None:
            raise Failure("a late repeat")

    async def gather(_job: Any, _told: Any) -> Repeating:
        return Repeating()

    monkeypatch.setattr(jobs, "_crowd", gather)

    with pytest.raises(Failure, match="late"):
        await jobs.JOBS[kind](
            {"windows": [1], "seconds": 0, "per_second": 1, "rounds": 1}, lambda _: None
        )


class Late(Tally):
    """Of a server that is busy with a message for some time after all have been sent."""

    def launch(self, turn: int) -> None:
        text = b"%d" % turn
        self.flights[text] = Flight(turn, 0, 1)
        asyncio.get_running_loop().call_later(0.05, self._land, text)

    def _land(self, text: bytes) -> None:
        burn(0.1)
        self.landed(self, self.flights.pop(text))


def burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


async def test_what_a_late_server_still_has_to_do_is_paid_for(monkeypatch: Any) -> None:
    spent: list[float] = []
    monkeypatch.setattr(
        crowd, "cpu_seconds", lambda pid: spent.append(cpu_seconds(pid)) or spent[-1]
    )
    tally = Late(DIALECTS["event"])
    tally.listener = Member(tally)

    await Crowd([tally], pid=os.getpid()).pace(200, seconds=0.02)

    assert spent[-1] - spent[0] > 0.35  # 0.4 s of work for 0.02 s of messages
