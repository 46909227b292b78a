"""A reader that stops reading, in a room where the others go on."""

import asyncio
import base64
import secrets
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load.crowd import Crowd
from benchmarks.load.sockets import Told
from benchmarks.load.tally import Failure
from benchmarks.machine import private_kib

PER_SECOND = 100
TEXT_BYTES = 3500  # the kernel takes megabytes before the server sees that nobody reads
HIGH_MARK = 256 * 1024
BASELINE_SECONDS = 8.0
LONGEST_SECONDS = 90.0
POLL_SECONDS = 0.1
ESTABLISHED = "01"


async def slow(job: dict[str, Any], told: Told) -> dict[str, Any]:
    """`members` who read, with and then beside one who does not."""
    crowd = await Crowd.gather(
        "event",
        job["urls"],
        job["tokens"],
        members=job["members"],
        pid=job["pid"],
        told=told,
        text_bytes=TEXT_BYTES,
    )
    told("the others alone")
    alone = await crowd.pace(PER_SECOND, seconds=BASELINE_SECONDS)
    reader = Sleeper(job["urls"][0], job["tokens"][-1])
    await asyncio.sleep(1)
    told("one has stopped reading")
    watch = asyncio.create_task(_watch(reader, crowd, job["pid"]))
    beside_p99 = []
    while not watch.done():
        beside_p99.append((await crowd.pace(PER_SECOND, seconds=2))["p99_ms"])
    seen = await watch
    reader.close()
    return {
        "alone_p99_ms": alone["p99_ms"],
        "beside_p99_ms": sorted(beside_p99)[len(beside_p99) // 2],
        "closed_after": seen.closed_after,
        "grown_kib": seen.grown_kib,
    }


@dataclass
class Seen:
    """`closed_after` counts from when the server had more than HIGH_MARK to keep; None: never."""

    closed_after: float | None
    grown_kib: int


async def _watch(reader: "Sleeper", crowd: Crowd, pid: int) -> Seen:
    memory = private_kib(pid)
    peak, crossed, start = memory, None, time.monotonic()
    sent = crowd.tallies[0].numbers.copy()
    while time.monotonic() - start < LONGEST_SECONDS:
        await asyncio.sleep(POLL_SECONDS)
        now, messages = time.monotonic(), _since(sent, crowd)
        peak = max(peak, private_kib(pid))
        held = reader.held_by_kernel()
        if held is None:
            return Seen(now - (crossed or now), peak - memory)
        if crossed is None and messages * TEXT_BYTES - held > HIGH_MARK:
            crossed = now
    return Seen(None, peak - memory)


def _since(before: dict[int, int], crowd: Crowd) -> int:
    return sum(crowd.tallies[0].numbers.values()) - sum(before.values())


class Sleeper:
    """A WebSocket client that is welcomed and then reads nothing any more."""

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
