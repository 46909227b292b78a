"""Peers that read too slowly, or not at all."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from websockets.asyncio.client import ClientConnection

from soak.client import Person, opening
from soak.faults import Effects, fault
from soak.stage import Stage

SLOW = 200  # readers, where the crowd is not smaller
NARROW = 4096  # bytes of a receive buffer
SIP = 0.5  # seconds between the looks of a slow reader
# A message of 8,000 characters comes to 47 KB on the wire: the text, and the same as HTML.
FILLING = "語" * 7800
SIZE = 6 * len(FILLING)  # bytes
PER_SECOND = 40.0  # messages of one author; the limit is 50
# What each is sent, if it is not closed before: what kernels hold for it, the outbox, and far more
# than the memory that one may take.
ENOUGH = 64 * 1024 * 1024
CLOSED = '"slow_socket_closed"'  # as a worker logs it
GRACE = 12.0  # seconds from the last byte until whoever is slow is closed


@asynccontextmanager
async def narrow(
    stage: Stage, number: int, path: str, person: Person
) -> AsyncIterator[ClientConnection]:
    """A socket with a small buffer that, once welcomed, is not read."""
    door = stage.streets.doors[number % len(stage.streets.doors)]
    host, port, _ = door.peer
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, NARROW)
    raw.setblocking(False)  # noqa: FBT003 - the socket's own signature
    await asyncio.get_running_loop().sock_connect(raw, (host, port))
    async with opening(
        door, path, person, sock=raw, ping_interval=None, max_queue=None
    ) as connection:
        await connection.recv()
        connection.transport.pause_reading()
        try:
            yield connection
        finally:
            connection.transport.abort()


@asynccontextmanager
async def sleepers(stage: Stage, room: str, size: int) -> AsyncIterator[list[ClientConnection]]:
    """All of one person."""
    person = await stage.guest()
    stage.strangers.add(person.id)
    stage.extra_sockets += size
    try:
        async with AsyncExitStack() as stack:
            yield [
                await stack.enter_async_context(narrow(stage, number, f"/ws/chat/{room}/", person))
                for number in range(size)
            ]
    finally:
        stage.extra_sockets -= size
        stage.strangers.discard(person.id)


@fault("slow-readers", "own")
async def slow_readers(stage: Stage, seconds: float) -> Effects:
    """A crowd reads far less than it is sent; each is closed."""
    size = min(SLOW, stage.plan.crowd)
    async with strained(stage, size) as (room, connections):
        sipping = asyncio.create_task(sip(connections))
        try:
            return await fill(stage, room, size)
        finally:
            sipping.cancel()


@fault("never-reads", "own")
async def never_reads(stage: Stage, seconds: float) -> Effects:
    """One client never reads, while its room is full of large frames; it is closed."""
    async with strained(stage, 1) as (room, _):
        return await fill(stage, room, 1)


@asynccontextmanager
async def strained(stage: Stage, size: int) -> AsyncIterator[tuple[str, list[ClientConnection]]]:
    """In a room of their own, whose log nobody else has to read."""
    room = await stage.make_room()
    stage.slow_sockets += size
    try:
        async with sleepers(stage, room, size) as connections:
            yield room, connections
    finally:
        stage.slow_sockets -= size


async def fill(stage: Stage, room: str, size: int) -> Effects:
    """Large messages, until all who do not read them are closed."""
    (author,) = await stage.crowd(room, 1)
    await author.welcomed.wait()

    def all_closed() -> bool:
        return stage.logged(CLOSED) >= size

    sent = 0
    while sent * SIZE < ENOUGH and not all_closed() and not stage.ledger.broken["E"]:
        author.post(FILLING)
        sent += 1
        await asyncio.sleep(1 / PER_SECOND)
    await stage.until(all_closed, within=GRACE)
    stage.ledger.figure(f"MiB sent to each of {size} slow ones", sent * SIZE / 2**20)
    async with asyncio.timeout(GRACE):
        await author.until(lambda: not author.waiting)
    await stage.dismiss(author)
    closed = stage.logged(CLOSED)
    if closed < size:
        stage.ledger.breach("E", f"{size - closed} of {size} slow ones were never closed")
    return {"slow ones closed": closed}


async def sip(connections: list[ClientConnection]) -> None:
    while True:
        for connection in connections:
            connection.transport.resume_reading()
        await asyncio.sleep(0)
        for connection in connections:
            connection.transport.pause_reading()
        await asyncio.sleep(SIP)
