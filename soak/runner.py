"""A soak from its start to its verdict."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from soak.client import Client, Person, mark_of, opening
from soak.faults import Fault
from soak.faults.crowds import GHOSTS_GONE, GRACEFUL
from soak.ghosts import Ghosts
from soak.monitor import Monitor
from soak.services import Missing, eventually
from soak.stage import BACK, Stage
from soak.verdict import Verdict, judged

WARM = 3.0  # seconds of load before memory is looked at first
CONVERGED = 10.0  # seconds after a fault
PATIENCE = 60.0  # seconds until what has not converged is given up
TICK = 0.05
CROWD_READS = 5000  # frames a second: what the one process that plays a crowd can read
LOOK_EVERY = 0.5  # seconds; each look asks for the head of every room, which is limited
NAMED = 100  # people of whom each is named
SILENCE = 10.0  # seconds
WAITED = "share of a fault in which a worker waited for a core"
QUIET = 1.2  # seconds; presence is told at most once a second

Told = Callable[[str], None]


async def soak(stage: Stage, faults: Sequence[Fault], told: Told) -> Verdict:
    """`told` is called with each step. Raises Missing where people cannot come in."""
    told("people come in")
    try:
        await stage.populate()
    except (RuntimeError, TimeoutError) as error:
        raise Missing(
            f"Nobody comes in: {error or 'they wait in vain for their welcome'}"
        ) from None
    monitor, ghosts = Monitor(stage), Ghosts(stage)
    async with load(stage) as loading, watching(stage, monitor, ghosts):
        await asyncio.sleep(WARM)
        monitor.begin()
        for fault in faults:
            await through(stage, loading, fault, told)
            monitor.read_logs()
        if not faults:
            told("people talk")
            await talk(stage, loading)
            await converge(stage, loading, "the end")
        left = await rest(stage, loading, ghosts, told)
    monitor.look_at_rest()
    told("comparing with the log")
    stored = await compare(stage)
    memory = monitor.figures()
    await stage.dismiss_all()
    monitor.read_logs()
    figures = judged(stage.ledger, stored=stored, ghosts=left, memory=memory)
    return Verdict.of(
        stage.ledger,
        seed=stage.plan.seed,
        faults=[fault.name for fault in faults],
        figures=figures,
        unseen=unseen(stage),
    )


def unseen(stage: Stage) -> dict[str, str]:
    """Promise -> why it, or a part of it, could not be looked at."""
    found = {} if stage.workers else {"E": "memory", "G": "logs"}
    return {
        promise: f"the {what} of a site that is not the soak's own"
        for promise, what in found.items()
    }


async def through(stage: Stage, loading: asyncio.Event, fault: Fault, told: Told) -> None:
    """A fault, what it leaves behind, and the way back."""
    told(f"{fault.name}: {fault.summary}")
    stage.ledger.during = fault.name
    here = stage.attending
    try:
        visitors = await stage.visitors()
        with machine_watched(stage):
            effects = await fault.run(stage, max(fault.least, stage.plan.seconds_each))
        stage.ledger.effects[fault.name] = effects
        await someone_serves(stage)
        await converge(stage, loading, fault.name)
        await stage.back()
        await stage.dismiss(*visitors)
    except Exception as error:  # noqa: BLE001 - whatever broke: the rest is to be seen all the same
        stage.ledger.breach("B", f"{fault.name} did not come to its end: {error!r}")
        await stage.dismiss_all(but=here)  # such as its crowd
        stage.extra_sockets = stage.slow_sockets = 0
        stage.crowded.clear()
    stage.streets.spare()
    told(f"{fault.name} is over")


@contextmanager
def machine_watched(stage: Stage) -> Iterator[None]:
    """What takes long on a machine that has no core for the workers is not their doing alone."""
    began, before = time.monotonic(), stage.waits
    yield
    waited = [at - before.get(pid, 0.0) for pid, at in stage.waits.items()]
    if waited:
        share = max(waited) / (time.monotonic() - began)
        stage.ledger.figure(WAITED, share)


async def someone_serves(stage: Stage) -> None:
    """Where the only worker died, the fault is over when there is another."""
    if stage.workers:
        await asyncio.to_thread(
            eventually,
            lambda: any(worker.serves() for worker in stage.workers),
            within=BACK,
            what="a worker to serve",
        )


async def rest(stage: Stage, loading: asyncio.Event, ghosts: Ghosts, told: Told) -> int:
    """Nobody talks any more. Returns how many ghosts are left."""
    loading.clear()
    stage.ledger.during = "the end"
    told("looking for ghosts")
    await everybody_is_shown(stage)
    ghosts.look(time.monotonic())
    left = ghosts.left
    await leave_in_peace(stage)
    told("waiting for memory to come back")
    await asyncio.sleep(stage.plan.cool)
    return left


# --- meanwhile ---


@asynccontextmanager
async def load(stage: Stage) -> AsyncIterator[asyncio.Event]:
    """People talk while the event is set."""
    talking = asyncio.Event()
    talking.set()
    task = asyncio.create_task(_talk(stage, talking))
    try:
        yield talking
    finally:
        task.cancel()


async def _talk(stage: Stage, talking: asyncio.Event) -> None:
    due = time.monotonic()
    heard: dict[str, float] = {}  # room -> until when a crowd is busy with what was said there
    while True:
        await talking.wait()
        due = max(due + 1 / stage.plan.rate, time.monotonic() - TICK)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if members := stage.members:
            author = stage.random.choice(members)
            author.resend_stale()
            if heard.get(author.room, 0.0) <= (now := time.monotonic()):
                author.post()
                heard[author.room] = now + stage.crowded[author.room] / CROWD_READS


@asynccontextmanager
async def watching(stage: Stage, monitor: Monitor, ghosts: Ghosts) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(work)
            for work in (
                monitor.watch_health(),
                monitor.watch_memory(),
                ghosts.watch(),
                stage.ledger.watch_itself(),
                stage.keep_signed_in(),
                _outsider(stage),
            )
        ]
        yield
        for task in tasks:
            task.cancel()


async def _outsider(stage: Stage) -> None:
    """Somebody who is no member of the private room tries to get in, again and again."""
    if not stage.private:
        return
    person = await stage.guest()
    while True:
        await asyncio.sleep(1)
        with suppress(OSError, TimeoutError, InvalidHandshake):
            await _try(stage, person)


async def _try(stage: Stage, person: Person) -> None:
    path = f"/ws/chat/{stage.private}/?after=0"
    async with opening(stage.door, path, person) as connection:
        with suppress(ConnectionClosed):
            async for text in connection:
                if json.loads(text)["type"] not in {"error", "closing"}:
                    stage.ledger.breach("H", f"who is no member got {str(text)[:80]}")


# --- afterwards ---


async def converge(stage: Stage, loading: asyncio.Event, name: str) -> None:
    """Everybody has everything, 10 s after the fault at most. Nobody talks meanwhile."""
    began = time.monotonic()
    loading.clear()
    behind = list(stage.members)
    while behind and time.monotonic() - began < PATIENCE:
        await asyncio.sleep(LOOK_EVERY)
        for client in stage.members:
            client.resend_stale()
        behind = await _behind(stage)
    took = time.monotonic() - began
    stage.ledger.figure("slowest to converge after a fault, s", took)
    if took > CONVERGED:
        names = ", ".join(f"{c.person.name} at {c.last}" for c in behind[:3])
        stage.ledger.breach("B", f"{took:.1f} s after {name}; still behind: {names or 'nobody'}")
    loading.set()


async def _behind(stage: Stage) -> list[Client]:
    if waiting := [
        client for client in stage.members if client.waiting or not client.welcomed.is_set()
    ]:
        return waiting
    heads = {room: await stage.head(room) for room in stage.rooms}
    return [client for client in stage.members if client.last < heads[client.room]]


async def talk(stage: Stage, loading: asyncio.Event) -> None:
    """Without a fault: what does a delivery cost, beyond what the same people cost in silence?"""
    loading.clear()
    silence = min(SILENCE, stage.plan.seconds)
    idle = await _cpu(stage, silence) / silence
    loading.set()
    delivered = stage.ledger.deliveries
    spent = await _cpu(stage, stage.plan.seconds) - idle * stage.plan.seconds
    if stage.workers and stage.ledger.deliveries > delivered:
        each = spent / (stage.ledger.deliveries - delivered)
        stage.ledger.figure("CPU of the workers per delivery, µs", each * 1e6)
        stage.ledger.figure("CPU of the workers in silence, %", idle * 100)


async def _cpu(stage: Stage, seconds: float) -> float:
    before = stage.cpu_seconds
    await asyncio.sleep(seconds)
    return stage.cpu_seconds - before


async def leave_in_peace(stage: Stage) -> None:
    """One person comes, and closes the page when nobody else comes or goes."""
    room = stage.rooms[0]
    watcher, before = stage.watcher(room), len(stage.people_in(room))
    person = await stage.join(room)
    if not await stage.sees(watcher, before + 1, within=GRACEFUL * 5):
        stage.ledger.breach("D", "who came is not shown")
    await asyncio.sleep(QUIET)
    await stage.dismiss(person)
    since = time.monotonic()
    if not await stage.sees(watcher, before, within=GRACEFUL):
        stage.ledger.breach("D", f"who left is still there after {GRACEFUL} s")
    stage.ledger.figure("somebody who left seen as gone after, s", time.monotonic() - since)


async def everybody_is_shown(stage: Stage) -> None:
    """To everybody, and nobody else is."""

    def wrong() -> dict[str, int]:
        here = {room: stage.people_in(room) for room in stage.rooms}
        return {
            f"{client.person.name} at door {client.door}": client.online - len(here[client.room])
            for client in stage.members
            if client.online != len(here[client.room])
            or (client.online <= NAMED and client.shown != here[client.room])
        }

    if not await stage.until(lambda: not wrong(), within=GHOSTS_GONE):
        stage.ledger.breach("D", f"too many are shown to, or too few: {wrong()}")


async def compare(stage: Stage) -> int:
    """The lists of the members with the log, and that with what was acknowledged."""
    stored: Counter[str] = Counter()
    # Faults have rooms of their own.
    for room in dict.fromkeys([*stage.rooms, *(post.room for post in stage.ledger.posts.values())]):
        log = await read_log(stage, room)
        marks = {event["seq"]: mark_of(event) for event in log}
        seqs = {event.get("client_id"): event["seq"] for event in log if event.get("client_id")}
        stored.update(event["client_id"] for event in log if event.get("client_id"))
        if list(marks) != list(range(1, len(log) + 1)):
            stage.ledger.breach("B", f"the log of {room} has holes")
        for client in stage.clients:
            if client.room == room and client.trail != list(marks.items()):
                stage.ledger.breach("B", f"{client.person.name} has another list than the log")
        for post in stage.ledger.posts.values():
            if post.room == room and post.seq is not None and seqs.get(post.client_id) != post.seq:
                stage.ledger.breach("A", f"{post.client_id} is not stored as it was acknowledged")
    for client_id, count in stored.items():
        if count > 1:
            stage.ledger.breach("A", f"{client_id} is stored {count} times")
    return sum(stored[client_id] > 0 for client_id in stage.ledger.posts)


async def read_log(stage: Stage, room: str) -> list[dict[str, Any]]:
    """From the database where it is ours, else over HTTP."""
    if stage.site is not None:
        return [entry.frame for entry in await asyncio.to_thread(stage.site.log, room)]
    log: list[dict[str, Any]] = []
    while True:
        path = f"/api/rooms/{room}/events/?after={len(log)}&limit=200"
        page = await stage.ask("GET", path, token=stage.staff)
        log += page["results"]
        if not page["next"]:
            return log
