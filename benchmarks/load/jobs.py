"""What the load can be asked to do. Each job takes its fields from a dictionary."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.load.crowd import SETTLE_SECONDS, Crowd
from benchmarks.load.echoes import windows
from benchmarks.load.slow import slow
from benchmarks.load.sockets import Client, Told, connect, disconnect
from benchmarks.machine import cpu_seconds, private_kib

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
    return results


async def paced(job: dict[str, Any], told: Told) -> Result:
    """`per_second` messages over all rooms, for `seconds`."""
    crowd = await _crowd(job, told)
    await crowd.pace(job["per_second"], seconds=2)
    told("measuring")
    return await crowd.pace(job["per_second"], seconds=job["seconds"])


def _guest(_number: int) -> Client:
    return Client(READY)


async def idle(job: dict[str, Any], told: Told) -> Result:
    """What the server's memory grows by for each of the sockets at `urls`."""

    await connect(_guest, job["urls"][:WARM], job["tokens"], told=told)
    await asyncio.sleep(SETTLE_SECONDS)
    before = private_kib(job["pid"])
    await connect(_guest, job["urls"][WARM:], job["tokens"][WARM:], told=told)
    await asyncio.sleep(job["seconds"])
    grown = private_kib(job["pid"]) - before
    return {"kib": grown / (len(job["urls"]) - WARM)}


async def connects(job: dict[str, Any], told: Told) -> Result:
    """CPU from the handshake to the welcome, for each of the sockets at `urls`."""

    first = await connect(_guest, job["urls"][:WARM], job["tokens"], told=told, at_once=4)
    await disconnect(first)
    await asyncio.sleep(SETTLE_SECONDS)
    cpu = cpu_seconds(job["pid"])
    await connect(_guest, job["urls"][WARM:], job["tokens"][WARM:], told=told, at_once=4)
    spent = cpu_seconds(job["pid"]) - cpu
    return {"ms": spent * 1000 / (len(job["urls"]) - WARM)}


async def redis(job: dict[str, Any], told: Told) -> Result:
    """Redis commands per message; those that come without any message are taken off."""
    crowd = await _crowd(job, told)
    told("counting what Redis does by itself")
    idle_seconds = job["seconds"]
    before = _commands(job["redis"])
    await asyncio.sleep(idle_seconds)
    beats = _difference(before, _commands(job["redis"]))
    told("counting")
    before = _commands(job["redis"])
    sent = await crowd.pace(job["per_second"], seconds=idle_seconds)
    counted = _difference(before, _commands(job["redis"]))
    per_message = {
        name: (counted[name] - beats.get(name, 0)) / sent["messages"] for name in counted
    }
    return {name: each for name, each in per_message.items() if name not in _OWN}


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
    return {name: count - before.get(name, 0) for name, count in after.items()}


JOBS: dict[str, Job] = {
    "fanout": fanout,
    "paced": paced,
    "windows": windows,
    "idle": idle,
    "connects": connects,
    "redis": redis,
    "slow": slow,
}
