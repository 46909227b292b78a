"""What the load can be asked to do. Each job takes its fields from a dictionary."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.load.crowd import SETTLE_SECONDS, Crowd, spread
from benchmarks.load.echoes import windows
from benchmarks.load.slow import slow
from benchmarks.load.sockets import Client, Told, connect, disconnect
from soak.machine import cpu_seconds, private_kib

Result = dict[str, Any]
Job = Callable[[dict[str, Any], Told], Awaitable[Result]]

WARM = 50  # sockets, before any is counted
READY = b'"type":"welcome"'


async def _crowd(job: dict[str, Any], told: Told) -> Crowd:
    return await Crowd.gather(
        job["dialect"],
        job["urls"],
        job["tokens"],
        members=job["members"],
        pid=job["pid"],
        told=told,
    )


async def fanout(job: dict[str, Any], told: Told) -> Result:
    """`windows`: numbers of messages in flight per room, each measured for `seconds`."""
    crowd = await _crowd(job, told)
    await crowd.measure(1, seconds=0.3)
    results = {}
    for window in job["windows"]:
        told(f"{window} in flight")
        results[str(window)] = await crowd.measure(window, seconds=job["seconds"])
        await asyncio.sleep(0.2)
    await crowd.settle()
    return results


async def paced(job: dict[str, Any], told: Told) -> Result:
    """`per_second` messages over all rooms, for `seconds`; `rounds` times."""
    crowd = await _crowd(job, told)
    await crowd.pace(job["per_second"], seconds=2)
    rounds = []
    for number in range(job["rounds"]):
        told(f"measuring, round {number + 1} of {job['rounds']}")
        rounds.append(await crowd.pace(job["per_second"], seconds=job["seconds"]))
    await crowd.settle()
    return {"rounds": rounds}


def _guest(_number: int) -> Client:
    return Client(READY)


async def idle(job: dict[str, Any], told: Told) -> Result:
    """What the server's memory grows by for each of the sockets at `urls`."""

    await connect(_guest, job["urls"][:WARM], job["tokens"], told=told)
    await asyncio.sleep(SETTLE_SECONDS)
    before = private_kib(job["pid"])
    came = await connect(_guest, job["urls"][WARM:], job["tokens"][WARM:], told=told)
    await asyncio.sleep(job["seconds"])
    grown = private_kib(job["pid"]) - before
    return {"kib": grown / len(came), **spread([one.came_in for one in came])}


async def connects(job: dict[str, Any], told: Told) -> Result:
    """CPU from the handshake to the welcome, for each of the sockets at `urls`."""

    first = await connect(
        _guest, job["urls"][:WARM], job["tokens"], told=told, at_once=job["at_once"]
    )
    await disconnect(first)
    await asyncio.sleep(SETTLE_SECONDS)
    cpu = cpu_seconds(job["pid"])
    urls, tokens = job["urls"][WARM:], job["tokens"][WARM:]
    came = await connect(_guest, urls, tokens, told=told, at_once=job["at_once"])
    spent = cpu_seconds(job["pid"]) - cpu
    return {"ms": spent * 1000 / len(came), **spread([one.came_in for one in came])}


async def redis(job: dict[str, Any], told: Told) -> Result:
    """Redis commands per message, `rounds` times; what comes without any message is taken off."""
    crowd = await _crowd(job, told)
    rounds, messages = [], 0.0
    for number in range(job["rounds"]):
        told(f"counting, round {number + 1} of {job['rounds']}")
        before = _commands(job["redis"])
        await asyncio.sleep(job["seconds"])
        between = _commands(job["redis"])
        sent = await crowd.pace(job["per_second"], seconds=job["seconds"])
        idle, busy = _difference(before, between), _difference(between, _commands(job["redis"]))
        messages += sent["messages"]
        rounds.append({name: (busy[name] - idle.get(name, 0)) / sent["messages"] for name in busy})
    await crowd.settle()
    return {"rounds": rounds, "messages": messages}


_OWN = {"info", "client|setinfo", "hello"}


def _commands(port: int) -> dict[str, int]:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"INFO commandstats\r\n")
        file = connection.makefile("rb")
        length = int(file.readline()[1:])
        lines = file.read(length).decode().splitlines()
    counts = {}
    for line in lines:
        if line.startswith("cmdstat_"):
            name, _, fields = line.removeprefix("cmdstat_").partition(":")
            counts[name] = int(fields.split(",")[0].removeprefix("calls="))
    return counts


def _difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {name: count - before.get(name, 0) for name, count in after.items() if name not in _OWN}


JOBS: dict[str, Job] = {
    "fanout": fanout,
    "paced": paced,
    "windows": windows,
    "idle": idle,
    "connects": connects,
    "redis": redis,
    "slow": slow,
}
