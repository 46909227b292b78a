"""What workers tell one another is wrong: hints, and the time."""

import asyncio
import json
import time
from datetime import UTC, datetime

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from soak.client import Person, call, opening
from soak.faults import Effects, fault
from soak.faults.workers import author_at, serving_with
from soak.stage import Stage
from soak.workers import ACTED, Worker

SKEW = 300  # seconds
SAYS_EVERY = 0.1  # seconds
TOLD = 20.0  # seconds until hints have met every fate


@fault("skewed-clock", "own", "workers")
async def skewed_clock(stage: Stage, seconds: float) -> Effects:
    """The clock of one worker is five minutes ahead, then five minutes behind."""
    return {
        "seconds ahead": await skewed(stage, SKEW, seconds / 2),
        "seconds behind": -await skewed(stage, -SKEW, seconds / 2),
    }


async def skewed(stage: Stage, skew: int, seconds: float) -> int:
    """By how much the worker's own words are off."""
    number = len(stage.workers) - 1
    async with serving_with(stage, number, f"skew:{skew}") as odd:
        for giver in stage.workers:
            await known_everywhere(stage, giver)
        await tickets_hold(stage)
        person = await stage.guest(at=odd)
        newcomer = stage.attend(person, stage.rooms[0], door=0)
        await newcomer.welcomed.wait()
        await asyncio.sleep(seconds)
        off = await how_far_off(odd, stage.rooms[0], person)
    await stage.dismiss(newcomer)
    return off


async def known_everywhere(stage: Stage, giver: Worker) -> None:
    """Whoever signs in at one worker is let in by all."""
    person = await stage.guest(at=giver)
    for worker in stage.workers:
        status, _ = await call(worker, "GET", "/api/rooms/", token=person.access)
        if status != 200:
            stage.ledger.breach("B", f"a token of {giver.name} is refused by {worker.name}")


async def tickets_hold(stage: Stage) -> None:
    """Those of each worker at every other one, all given out before the first is used."""
    person = await stage.guest()
    given = [
        (giver, worker, await stage.ask("POST", "/api/ws-ticket/", at=giver, token=person.access))
        for giver in stage.workers
        for worker in stage.workers
    ]
    for giver, worker, body in given:
        if not await lets_in(worker, f"/ws/chat/{stage.rooms[0]}/?ticket={body['ticket']}"):
            stage.ledger.breach("B", f"a ticket of {giver.name} is refused by {worker.name}")


async def lets_in(worker: Worker, path: str) -> bool:
    try:
        async with opening(worker, path) as socket:
            return bool(json.loads(await socket.recv())["type"] == "welcome")
    except (OSError, ConnectionClosed, InvalidHandshake):
        return False


async def how_far_off(worker: Worker, room: str, person: Person) -> int:
    async with opening(worker, f"/ws/chat/{room}/", person) as socket:
        await socket.send('{"type":"ping"}')
        async for text in socket:
            if (frame := json.loads(text))["type"] == "pong":
                told = datetime.fromisoformat(frame["timestamp"])
                return round((told - datetime.now(UTC)).total_seconds())
    raise ConnectionError("it closed instead of telling the time")


@fault("bad-hints", "own", "workers")
async def bad_hints(stage: Stage, seconds: float) -> Effects:
    """What one worker tells the others is lost, doubled and reordered."""

    def met() -> Effects:
        return {
            f"hints {fate}": stage.logged(f"{ACTED} {fate}") for fate in ("lost", "doubled", "late")
        }

    stage.streets.touch()
    async with serving_with(stage, 0, f"bad-hints:{stage.plan.seed}"):
        author = await author_at(stage, 0)
        end = time.monotonic() + seconds
        while time.monotonic() < end or not (all(met().values()) or time.monotonic() > end + TOLD):
            author.post()
            await asyncio.sleep(SAYS_EVERY)
        effects = met()
    await stage.dismiss(author)
    return effects
