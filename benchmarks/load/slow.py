"""A reader that stops reading, in a room where the others go on."""

import asyncio
import base64
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load.crowd import Crowd
from benchmarks.load.sockets import Told
from benchmarks.load.tally import Failure
from benchmarks.machine import private_kib

PER_SECOND = 100
FILLING_BYTES = 3500  # the kernel takes megabytes before the server sees that nobody reads
HIGH_MARK = 256 * 1024
SLICE_SECONDS = 1.0
BASELINE_SLICES = 6
LONGEST_SECONDS = 90.0
POLL_SECONDS = 0.1
ESTABLISHED = "01"


async def slow(job: dict[str, Any], told: Told) -> dict[str, Any]:
    """`members` who read, without and then beside one who does not, and without again."""
    crowd = await Crowd.gather(
        "event",
        job["urls"],
        job["tokens"],
        members=job["members"],
        pid=job["pid"],
        told=told,
    )
    told("the others alone")
    alone = [await _p99(crowd) for _ in range(BASELINE_SLICES)]
    reader = Sleeper(job["urls"][0], job["tokens"][-1])
    await asyncio.sleep(1)
    told("one has stopped reading")
    beside: list[float] = []
    seen = await _watched(reader, crowd, job["pid"], beside)
    reader.close()
    told("the others alone again")
    alone += [await _p99(crowd) for _ in range(BASELINE_SLICES)]
    return {
        "alone_p99_ms": median(alone),
        "beside_p99_ms": median(beside),
        "closed_after": seen.closed_after,
        "grown_kib": seen.grown_kib,
    }


async def _p99(crowd: Crowd) -> float:
    return (await crowd.pace(PER_SECOND, seconds=SLICE_SECONDS))["p99_ms"]


async def _watched(reader: "Sleeper", crowd: Crowd, pid: int, p99: list[float]) -> "Seen":
    """Until the reader is closed: large texts fill the kernel, then the usual ones go on."""
    watch = asyncio.create_task(_watch(reader, pid))
    tally = crowd.tallies[0]
    usual, tally.text_bytes = tally.text_bytes, FILLING_BYTES
    slice_ = SLICE_SECONDS / 4
    while not (watch.done() or reader.crossed):
        await crowd.pace(PER_SECOND, seconds=slice_)
        reader.sent += int(PER_SECOND * slice_) * FILLING_BYTES
    tally.text_bytes = usual
    while not watch.done():
        p99.append(await _p99(crowd))
    return await watch


@dataclass
class Seen:
    """`closed_after` counts from when the server had more than HIGH_MARK to keep; None: never."""

    closed_after: float | None
    grown_kib: int


async def _watch(reader: "Sleeper", pid: int) -> Seen:
    memory = private_kib(pid)
    peak, crossed, start = memory, None, time.monotonic()
    while time.monotonic() - start < LONGEST_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        now = time.monotonic()
        peak = max(peak, private_kib(pid))
        held = reader.held_by_kernel()
        if held is None:
            return Seen(now - (crossed or now), peak - memory)
        if crossed is None and reader.sent - held > HIGH_MARK:
            crossed = now
            reader.crossed = True
    return Seen(None, peak - memory)


class Sleeper:
    """A WebSocket client that is welcomed and then reads nothing any more.

    `sent` is how many bytes the room was sent since; `crossed`: the server has to keep too many.
    """

    sent = 0
    crossed = False

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect((parts.hostname, parts.port))
        self._server_port = parts.port
        self._port = self._socket.getsockname()[1]
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        self._socket.sendall(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Origin: http://{parts.netloc}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        )
        self._socket.settimeout(10)
        if b" 101 " not in self._socket.recv(256):
            raise Failure("the slow reader was not let in")

    def held_by_kernel(self) -> int | None:
        """Bytes on their way between the two sockets; None once the server has closed its own."""
        ours = _connection(self._port, self._server_port)
        theirs = _connection(self._server_port, self._port)
        if theirs is None or theirs[0] != ESTABLISHED:
            return None
        return theirs[1] + (ours[2] if ours else 0)

    def close(self) -> None:
        self._socket.close()


def _connection(local: int, remote: int) -> tuple[str, int, int] | None:
    """State, bytes to be sent and bytes to be read, as the kernel has them."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.rpartition(":")[2], 16) for address in fields[1:3]]
        if ports == [local, remote]:
            tx, rx = (int(size, 16) for size in fields[4].split(":"))
            return fields[3], tx, rx
    return None
