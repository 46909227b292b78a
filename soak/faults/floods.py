"""Peers that are too loud."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from soak.client import Person, opening
from soak.faults import Effects, fault
from soak.stage import Stage
from soak.workers import Door

BURST = 10
BURST_EVERY = 0.02  # seconds: ten times the frames that are allowed
CALLS = 500  # at once
FEW = 400  # of them, though more than are allowed until LONGER is over
TOO_MANY, NOT_FOUND = b"HTTP/1.1 429 ", b"HTTP/1.1 404 "
REFUSED = {4400, 4413, 4429}
MET = 5.0  # seconds until each has met its limit
LONGER = 15.0  # and for one that has not: where the others have ended, it is louder
MARK = "this is the last"
LAST = f'{{"type":"ping","ref":"{MARK}"}}'
SERVED = 1.0  # seconds until whoever is served without a limit gets an answer to that

ROOM = "<room>"
Frame = str | bytes | Callable[[ClientConnection], Awaitable[None]]


async def ping(connection: ClientConnection) -> None:
    await connection.ping()


async def in_pieces(connection: ClientConnection) -> None:
    await connection.send(['{"type":', '"pi', 'ng"}'])


FLOODS: dict[str, Frame] = {
    "pings": '{"type":"ping"}',
    "typing": '{"type":"typing"}',
    "events": json.dumps({"type": "event", "name": "flood", "data": "x" * 3000}),
    "messages": json.dumps({"type": "message", "text": f"{ROOM} flood", "client_id": "flood"}),
    "edits": '{"type":"edit","target":1,"text":"flood"}',
    "reactions": '{"type":"react","target":1,"emoji":"!","op":"add"}',
    "garbage": "{",
    "binary": bytes(1000),
    "depth": "[" * 60_000,
    "size": json.dumps({"type": "ping", "ref": "x" * 200_000}),
    "history": '{"type":"history","limit":200}',
    "reads": '{"type":"read","seq":1}',
    "names": '{"type":"set-name","name":"Flood"}',
    "fragments": in_pieces,
    "control frames": ping,
    "echoes": "x" * 1000,
    "publications": '{"type":"publish","topic":"flood","data":"x"}',
}
ELSEWHERE = {"echoes": "/ws/echo/", "publications": "/ws/topics/"}  # all others in a room


async def send(connection: ClientConnection, frame: Frame, room: str) -> None:
    if isinstance(frame, str | bytes):
        await connection.send(frame.replace(ROOM, room) if isinstance(frame, str) else frame)
    else:
        await frame(connection)


@fault("floods", least=MET)
async def floods(stage: Stage, seconds: float) -> Effects:
    """Frames and calls of every kind, ten times as many as are allowed, by one peer each."""
    room = stage.rooms[-1] if not stage.private else stage.rooms[0]
    stopped: Counter[str] = Counter()
    persons = [await stage.guest() for _ in FLOODS]
    # For good: what they sent is worked off after they have gone, and they are shown meanwhile.
    stage.strangers |= {person.id for person in persons}
    stage.slow_sockets += len(FLOODS)  # each may have 64 frames in the site's hands
    doors = stage.streets.doors
    stopped["calls"] += await calls(doors[0], persons[0])
    async with asyncio.TaskGroup() as group:
        for number, (person, kind) in enumerate(zip(persons, FLOODS, strict=True)):
            door = doors[number % len(doors)]
            group.create_task(flood(door, room, person, kind, seconds, stopped))
    stage.slow_sockets -= len(FLOODS)
    return {f"{kind} stopped": stopped[kind] for kind in [*FLOODS, "calls"]}


async def flood(
    door: Door, room: str, person: Person, kind: str, seconds: float, stopped: Counter[str]
) -> None:
    """Whoever is thrown out comes again."""
    end = time.monotonic() + seconds
    path = ELSEWHERE.get(kind, f"/ws/chat/{room}/")
    while time.monotonic() < end + (0 if stopped[kind] else LONGER):
        with suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
            async with opening(door, path, person) as connection:
                stopped[kind] += await outpour(connection, FLOODS[kind], room)
        await asyncio.sleep(0.1)


async def outpour(connection: ClientConnection, frame: Frame, room: str) -> bool:
    """Whether the site closed the socket, or has by far not read all of it at the end."""
    end = time.monotonic() + MET
    reading = asyncio.create_task(reads_the_last(connection))
    try:
        with suppress(ConnectionClosed):
            while time.monotonic() < end:
                for _ in range(BURST):
                    await send(connection, frame, room)
                await asyncio.sleep(BURST_EVERY)
            await connection.send(LAST)
        done, _ = await asyncio.wait([reading], timeout=SERVED)
        return not done or connection.close_code in REFUSED
    finally:
        reading.cancel()


async def reads_the_last(connection: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        async for text in connection:
            if isinstance(text, str) and MARK in text:
                return


async def calls(door: Door, person: Person) -> bool:
    """One behind the other. Whether one is refused, or by far not all are served at the end."""
    host, port, secure = door.peer
    request = (
        f"GET /api/rooms/nowhere/ HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {person.access}\r\n\r\n"
    )
    served = 0
    try:
        async with asyncio.timeout(LONGER):
            reader, writer = await asyncio.open_connection(host, port, ssl=secure or None)
            try:
                writer.write(request.encode() * CALLS)
                while served < CALLS and (line := await reader.readline()):
                    if TOO_MANY in line:
                        return True
                    served += NOT_FOUND in line
            finally:
                writer.close()
    except TimeoutError:
        return 0 < served < FEW
    except OSError:
        pass
    return False
