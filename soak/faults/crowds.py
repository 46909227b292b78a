"""Peers that are too many, or only half there."""

import asyncio
import signal
import time
from contextlib import AsyncExitStack, suppress

from soak.client import Client
from soak.faults import Effects, fault
from soak.faults.slow import sleepers
from soak.machine import dead
from soak.stage import Stage

GRACEFUL = 1.0  # seconds until somebody who closed the page is seen to be gone
GHOSTS_GONE = 20.0  # and until somebody is whose worker was killed
GONE = 25.0  # seconds until a peer that answers nothing is dropped
HUNG_UP = 26.0  # seconds: the same for one that never said who it is
SHOWN = 5.0
ALL_IN = 120.0
COUNTED_AFTER = 1.5  # seconds until PostgreSQL's own statistics have it


@fault("half-open")
async def half_open(stage: Stage, seconds: float) -> Effects:
    """Peers say nothing any more; takes 25 s at most, for so long they count as there."""
    room = stage.rooms[0]
    watcher, before = stage.watcher(room), len(stage.people_in(room))
    async with sleepers(stage, room, 3):
        since = time.monotonic()
        seen = await stage.sees(watcher, before + 1, within=5)
        if not await stage.sees(watcher, before, within=GONE + 1):
            stage.ledger.breach("D", f"half-open peers are still there after {GONE} s")
        stage.ledger.figure("half-open peers seen as gone after, s", time.monotonic() - since)
    return {"peers seen before they were dropped": int(seen)}


@fault("connect-storm")
async def connect_storm(stage: Stage, seconds: float) -> Effects:
    """A crowd connects at once, and stays a while."""
    crowd = await come(stage)
    await asyncio.sleep(seconds)
    await leave(stage, crowd, within=GRACEFUL)
    return {"sockets let in": sum(client.welcomes > 0 for client in crowd)}


@fault("reconnect-storm", "own", "workers")
async def reconnect_storm(stage: Stage, seconds: float) -> Effects:
    """A worker is killed, and its whole crowd comes back at once."""
    crowd = await come(stage, door=0)
    before = await asyncio.to_thread(queries, stage)
    welcomes = [client.welcomes for client in crowd]
    since = time.monotonic()
    pids = stage.workers[0].workers
    stage.streets.touch(0)
    stage.workers[0].signal_workers(signal.SIGKILL)
    await resumed(stage, crowd, welcomes)
    took = time.monotonic() - since
    await asyncio.sleep(COUNTED_AFTER)
    after = await asyncio.to_thread(queries, stage)
    await stage.back(0)
    stage.ledger.figure(f"{len(crowd)} sockets back after a kill, s", took)
    for name, count in after.items():
        stage.ledger.figure(name, (count - before[name]) / len(crowd))
    # Nobody took down the leases of the worker that was killed.
    await leave(stage, crowd, within=GHOSTS_GONE)
    returned = sum(now.welcomes > then for now, then in zip(crowd, welcomes, strict=True))
    return {"workers that died": dead(pids), "sockets that came back": returned}


async def resumed(stage: Stage, crowd: list[Client], welcomes: list[int]) -> None:
    """Until all were welcomed again, and have what was said meanwhile."""
    async with asyncio.timeout(ALL_IN):
        for client, before in zip(crowd, welcomes, strict=True):
            await client.until(lambda: client.welcomes > before)  # noqa: B023 - awaited at once
        head = await stage.head(crowd[0].room)
        for client in crowd:
            await client.until(lambda: client.last >= head)  # noqa: B023 - awaited at once


def queries(stage: Stage) -> dict[str, int]:
    """What PostgreSQL counted until now, by the name of a figure."""
    if stage.site is None or stage.postgres is None:
        return {}
    ((reads, database),) = stage.site.select(
        "SELECT seq_scan + idx_scan, current_database() FROM pg_stat_user_tables"
        " WHERE relname = 'chat_event'"
    )
    statements = stage.postgres.statements(database)
    return {
        "log reads for each who came back": reads,
        **({} if statements is None else {"statements for each who came back": statements}),
    }


async def come(stage: Stage, *, door: int | None = None) -> list[Client]:
    """All at once; those who talk are to hear of it all the same."""
    room = stage.rooms[0]
    await stage.sees(stage.watcher(room), len(stage.people_in(room)), within=GHOSTS_GONE)
    crowd = await stage.crowd(room, stage.plan.crowd, door=door)
    began = time.monotonic()
    stage.extra_sockets += len(crowd)
    stage.crowded[room] += len(crowd)
    await stage.welcomed(crowd, within=ALL_IN)
    stage.ledger.figure(f"{len(crowd)} sockets in at once, s", time.monotonic() - began)
    if not await stage.sees(stage.watcher(room), len(stage.people_in(room)), within=SHOWN):
        stage.ledger.breach("D", "a crowd that came is not shown")
    return crowd


async def leave(stage: Stage, crowd: list[Client], *, within: float) -> None:
    """As closed pages do."""
    room = crowd[0].room
    watcher = stage.watcher(room)
    await stage.dismiss(*crowd)
    stage.extra_sockets -= len(crowd)
    stage.crowded[room] -= len(crowd)
    since = time.monotonic()
    stay = len(stage.people_in(room))
    if not await stage.sees(watcher, stay, within=within):
        stage.ledger.breach(
            "D", f"{watcher.online - stay} who left are still there after {within} s"
        )
    took = time.monotonic() - since
    stage.ledger.figure("a crowd that left seen as gone after, s", took)


@fault("half-handshakes", least=HUNG_UP)
async def half_handshakes(stage: Stage, seconds: float) -> Effects:
    """A crowd begins a handshake and never ends it; each is hung up on within 25 s."""
    end = time.monotonic() + seconds
    async with AsyncExitStack() as stack:
        readers = []
        for number in range(stage.plan.crowd):
            door = stage.streets.doors[number % len(stage.streets.doors)]
            host, port, secure = door.peer
            reader, writer = await asyncio.open_connection(host, port, ssl=secure or None)
            stack.callback(writer.close)
            writer.write(b"GET /ws/chat/general/ HTTP/1.1\r\nUpgrade: webso")
            readers.append(asyncio.create_task(hung_up(reader)))
        stage.extra_sockets += len(readers)
        done, waiting = await asyncio.wait(readers, timeout=end - time.monotonic())
        for task in waiting:
            task.cancel()
        stage.extra_sockets -= len(readers)
    if waiting:
        stage.ledger.breach("E", f"{len(waiting)} half handshakes are held after {seconds:.0f} s")
    return {"half handshakes hung up on": len(done)}


async def hung_up(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):
        await reader.read()  # to the end
