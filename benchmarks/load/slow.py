"""A reader that stops reading, in a room where the others go on."""

import asyncio
import base64
import secrets
import socket
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from benchmarks.load.crowd import Crowd
from benchmarks.load.sockets import Told
from benchmarks.load.tally import Failure
from soak.machine import private_kib

PER_SECOND = 100
FILLING_BYTES = 3500  # the kernel takes megabytes before the server sees that nobody reads
HIGH_MARK = 256 * 1024
SLICE_SECONDS = 1.0
FILLING_SECONDS = 0.25
BASELINE_SLICES = 4
LONGEST_SECONDS = 90.0
ESTABLISHED = "01"
HEARD_SECONDS = 3.0  # it is closed for reading too slowly, and not because nothing is heard of it
PONG = b"\x8a\x80\0\0\0\0"  # masked, and empty


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
    await crowd.settle()
    return {
        "alone_p99_ms": median(alone),
        "beside_p99_ms": median(beside),
        "closed_after": seen.closed_after,
        "grown_kib": seen.grown_kib,
    }


async def _p99(crowd: Crowd) -> float:
    return (await crowd.pace(PER_SECOND, seconds=SLICE_SECONDS))["p99_ms"]


async def _watched(reader: "Sleeper", crowd: Crowd, pid: int, p99: list[float]) -> "Watch":
    """Until the reader is closed: large texts fill the kernel, then the usual ones go on.

    Looked at between the slices only: a look takes longer than a message, and would count as one.
    """
    watch = Watch(reader, pid)
    tally = crowd.tallies[0]
    usual, tally.text_bytes = tally.text_bytes, FILLING_BYTES
    while watch.goes_on() and watch.crossed is None:
        await crowd.pace(PER_SECOND, seconds=FILLING_SECONDS)
        reader.sent += int(PER_SECOND * FILLING_SECONDS) * FILLING_BYTES
    tally.text_bytes = usual
    while watch.goes_on():
        p99.append(await _p99(crowd))
    return watch


class Watch:
    """When the server had more than HIGH_MARK to keep, when it closed, and what it grew by."""

    def __init__(self, reader: "Sleeper", pid: int) -> None:
        self._reader, self._pid = reader, pid
        self._memory = self._peak = private_kib(pid)
        self._began = self._heard = time.monotonic()
        self.crossed: float | None = None
        self._closed: float | None = None

    def goes_on(self) -> bool:
        """Look: false once the reader is closed, or will not be."""
        now = time.monotonic()
        if now - self._heard >= HEARD_SECONDS:
            self._heard = now
            self._reader.be_heard()
        self._peak = max(self._peak, private_kib(self._pid))
        held = self._reader.held_by_kernel()
        if held is None:
            self._closed = now
        elif self.crossed is None and self._reader.sent - held > HIGH_MARK:
            self.crossed = now
        return held is not None and now - self._began < LONGEST_SECONDS

    @property
    def closed_after(self) -> float | None:
        """Seconds since it was crossed, at most a slice too many; None: never."""
        if self._closed is None:
            return None
        return self._closed - (self.crossed or self._closed)

    @property
    def grown_kib(self) -> int:
        return self._peak - self._memory


class Sleeper:
    """A WebSocket client that is welcomed and then reads nothing any more.

    `sent` is how many bytes the room was sent since.
    """

    sent = 0

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

    def be_heard(self) -> None:
        """Tell the server that this end lives, without reading its pings."""
        with suppress(OSError):  # it was closed meanwhile, which is seen elsewhere
            self._socket.sendall(PONG)

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
