"""People who are put out, and people who say the same thing many times at once."""

import asyncio
import json
import time
from array import array
from contextlib import AsyncExitStack
from typing import Any

from websockets.asyncio.client import ClientConnection

from soak.client import Client, call, opening
from soak.faults import Effects, fault
from soak.faults.redis import AWAY, NOTICED, frozen, redis_of
from soak.ledger import percentile
from soak.stage import Stage

TIMES = 50
VICTIMS = 12
PROMPT, PROMPT_WITHOUT_REDIS = 1.0, 5.0  # seconds until the sockets of somebody are closed


@fault("same-client-id")
async def same_client_id(stage: Stage, seconds: float) -> Effects:
    """The same client_id 50 times at once, over three sockets at different workers."""
    author = await stage.join(stage.rooms[0])
    await author.welcomed.wait()
    client_id = f"{author.room}-{author.person.id}-again"
    frame = {"type": "message", "text": f"{author.room} {client_id}", "client_id": client_id}
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(
                opening(stage.streets.doors[n % len(stage.streets.doors)], path, author.person)
            )
            for n, path in enumerate([f"/ws/chat/{author.room}/"] * 3)
        ]
        sends = [sockets[n % 3].send(json.dumps(frame)) for n in range(TIMES)]
        await asyncio.gather(*sends)
        counts = [TIMES // 3 + (n < TIMES % 3) for n in range(3)]
        answers = await asyncio.gather(*map(_answers, sockets, counts))
    seqs = {answer["seq"] for some in answers for answer in some if answer["type"] == "sent"}
    if len(seqs) != 1:
        stage.ledger.breach("A", f"{client_id}, sent {TIMES} times, was stored as {seqs}")
    await stage.dismiss(author)
    return {"times said": sum(map(len, answers)), "workers": min(3, len(stage.streets.doors))}


async def _answers(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            frame = json.loads(await socket.recv())
            if frame["type"] in {"sent", "error"}:
                found.append(frame)
    return found


@fault("ban")
async def ban(stage: Stage, seconds: float) -> Effects:
    """Ban and remove people while messages stream."""
    return await put_out(stage, within=PROMPT, name="revocation to close p99, s")


@fault("ban-without-redis", "own", "workers")
async def ban_without_redis(stage: Stage, seconds: float) -> Effects:
    """Ban and remove people while messages stream and Redis stands still."""
    stage.streets.touch()
    victims = await victims_of(stage)
    with frozen(redis_of(stage)):
        await asyncio.sleep(1)  # nobody has noticed yet
        effects = await put_out(
            stage,
            victims,
            within=PROMPT_WITHOUT_REDIS,
            name="revocation to close p99 without Redis, s",
        )
        await stage.until(lambda: stage.logged(AWAY) > 0, within=NOTICED)
    return {**effects, "workers that missed Redis": stage.logged(AWAY)}


async def victims_of(stage: Stage) -> list[Client]:
    room = stage.private or stage.rooms[0]
    victims = [await stage.join(room) for _ in range(VICTIMS)]
    for victim in victims:
        victim.unwanted = True
    await stage.welcomed(victims)
    return victims


async def put_out(
    stage: Stage, victims: list[Client] | None = None, *, within: float, name: str
) -> Effects:
    victims = victims or await victims_of(stage)
    waiting = []
    for number, victim in enumerate(victims):
        since = time.monotonic()
        await stage.remove(victim.room, victim.person, ban=number % 2 == 0)
        waiting.append(asyncio.create_task(closed(stage, victim, since=since, within=within)))
    took = array("d", await asyncio.gather(*waiting))
    for victim in victims:
        await stays_out(stage, victim)
    if (p99 := percentile(took, 99)) is not None:
        stage.ledger.figure(name, p99)
    await stage.dismiss(*victims)
    return {"people put out": sum(victim.ended is not None for victim in victims)}


async def closed(stage: Stage, victim: Client, *, since: float, within: float) -> float:
    try:
        async with asyncio.timeout(2 * within):
            await victim.until(lambda: victim.ended is not None)
    except TimeoutError:
        stage.ledger.breach("H", f"{victim.person.name} was put out, and is still in")
        return 2 * within
    took = victim.ended_at - since
    if took > within:
        stage.ledger.breach("H", f"{victim.person.name} was put out, and in for {took:.1f} s")
    return took


async def stays_out(stage: Stage, victim: Client) -> None:
    """Neither the log nor a message over HTTP: the room looks as if it were not there."""
    if victim.room != stage.private:
        return  # whoever was only removed may come again
    path = f"/api/rooms/{victim.room}/"
    for method, ending, body in (
        ("GET", "events/", {}),
        ("POST", "messages/", {"text": "still here", "client_id": "still-here"}),
    ):
        answer = await call(stage.door, method, path + ending, token=victim.person.access, **body)
        if answer.status != 404:
            stage.ledger.breach("H", f"{method} {ending} by who was put out: {answer.status}")
