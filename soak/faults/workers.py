"""Workers that die, stand still, or come back."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from soak.client import Client
from soak.faults import Effects, fault
from soak.ledger import percentile
from soak.machine import dead, state
from soak.services import eventually
from soak.stage import BACK, Stage
from soak.workers import ACTED, FATAL, Worker

KILLS_EVERY = 3.0
DIES_WITHIN = 5.0
SLEEP = 6.0  # seconds: longer than a worker may stall without a word
RETURNED = 10.0  # seconds until everybody is in again
SAID_AGAIN = 30.0  # seconds for what a good client resends


async def kill_workers_of(stage: Stage, number: int) -> int:
    """-9; how many died. Whoever calls waits until others follow."""
    pids = stage.workers[number].workers
    stage.streets.touch(number)
    stage.workers[number].signal_workers(signal.SIGKILL)
    await stage.until(lambda: dead(pids) == len(pids), within=DIES_WITHIN)
    return dead(pids)


@fault("kill-worker", "own")
async def kill_worker(stage: Stage, seconds: float) -> Effects:
    """Kill a worker with -9 every few seconds, one after the other."""
    end = time.monotonic() + seconds
    died = turn = 0
    while True:
        number, due = turn % len(stage.workers), time.monotonic() + KILLS_EVERY
        died += await kill_workers_of(stage, number)
        if due >= end:
            return {"workers that died": died}
        await stage.back(number)
        turn += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))


@asynccontextmanager
async def serving_with(stage: Stage, number: int, broken: str) -> AsyncIterator[Worker]:
    """That worker runs soak.faulty with this fault, and then without again."""
    worker = stage.workers[number]
    stage.streets.touch(number)
    await asyncio.to_thread(worker.kill)
    await asyncio.to_thread(worker.restart, fault=broken)
    try:
        yield worker
    finally:
        await asyncio.to_thread(worker.kill)
        worker.fault = ""
        worker.launch()


async def author_at(stage: Stage, number: int) -> Client:
    """A member that comes in by this door."""
    person = await stage.guest()
    client = stage.attend(person, stage.rooms[0], door=number)
    await client.welcomed.wait()
    return client


async def says_the_fatal_word(stage: Stage, broken: str) -> Effects:
    async with serving_with(stage, 0, broken):
        author = await author_at(stage, 0)
        author.post(FATAL)
        async with asyncio.timeout(SAID_AGAIN):
            await author.until(lambda: not author.waiting)
        # It is held after it was acknowledged.
        await stage.until(lambda: stage.logged(ACTED) > 0, within=DIES_WITHIN)
        acted = stage.logged(ACTED)
    await stage.dismiss(author)
    return {"messages that it struck": acted}


@fault("die-before-ack", "own")
async def die_before_ack(stage: Stage, seconds: float) -> Effects:
    """A worker dies between the commit of a message and its acknowledgement."""
    return await says_the_fatal_word(stage, "die-before-ack")


@fault("hold-before-publish", "own")
async def hold_before_publish(stage: Stage, seconds: float) -> Effects:
    """A worker dies between the acknowledgement of a message and telling the others of it."""
    return await says_the_fatal_word(stage, "hold-before-publish")


@fault("stop-worker", "own")
async def stop_worker(stage: Stage, seconds: float) -> Effects:
    """SIGTERM a worker while people talk, and start it again."""
    worker = stage.workers[0]
    pids = worker.workers
    stage.streets.touch(0)
    await asyncio.to_thread(worker.stop)
    ended = dead(pids)
    worker.launch()
    return {"workers that ended": ended}


@fault("rolling-restart", "own")
async def rolling_restart(stage: Stage, seconds: float) -> Effects:
    """SIGHUP every worker in turn, as after an update."""
    seen = len(stage.ledger.blackouts)
    before = [worker.workers for worker in stage.workers]
    stage.streets.touch()
    for worker, pids in zip(stage.workers, before, strict=True):
        worker.reload()
        what = f"{worker.name} to be replaced"
        await asyncio.to_thread(
            eventually,
            lambda: not set(pids) & set(worker.workers) and worker.serves(),  # noqa: B023 - awaited
            within=BACK,
            what=what,
        )
    await stage.welcomed(stage.members, within=RETURNED)
    if (p99 := percentile(stage.ledger.blackouts[seen:], 99)) is not None:
        stage.ledger.figure("blackout p99 in a rolling restart, s", p99)
    return {"workers replaced": sum(map(dead, before))}


@fault("freeze-worker", "own", least=SLEEP)
async def freeze_worker(stage: Stage, seconds: float) -> Effects:
    """SIGSTOP a worker and its master, as when a machine stands still; then it goes on.

    A master that is awake kills a worker that does not move for 30 s: that is `kill-worker`. Here
    it sleeps, and wakes up after its worker has told it that it lives.
    """
    number = len(stage.workers) - 1
    worker = stage.workers[number]
    pids = worker.workers
    stage.streets.touch(number)
    worker.freeze()
    worker.signal_workers(signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
        stood_still = sum(state(pid) == "T" for pid in pids)
    finally:
        worker.signal_workers(signal.SIGCONT)
        with suppress(TimeoutError):
            await asyncio.to_thread(
                eventually, lambda: worker.says("/healthz"), within=BACK, what="a beat"
            )
        worker.thaw()
    return {"workers that stood still": stood_still, "and went on": len(pids) - dead(pids)}
