"""A client that writes bytes: what no library would send."""

import asyncio
import os
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from tests.e2e.client import PATIENCE
from tests.e2e.workers import Worker
from tests.stopwatch import Stopwatch

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FIN = 0x80


def frame(opcode: int, payload: bytes = b"", *, first: int = FIN) -> bytes:
    """Masked with zeros. `first` is what else the first byte holds."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65536:
        length = bytes([0x80 | 126]) + size.to_bytes(2)
    else:
        length = bytes([0x80 | 127]) + size.to_bytes(8)
    return bytes([first | opcode]) + length + bytes(4) + payload


def fragment(opcode: int, payload: bytes) -> bytes:
    return frame(opcode, payload, first=0)


def request(worker: Worker, path: str, *lines: str, method: str = "GET") -> bytes:
    head = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{worker.port}", *lines]
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1")


def handshake(worker: Worker, path: str, *lines: str) -> bytes:
    return request(
        worker,
        path,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}",
        *lines,
    )


class Answered(NamedTuple):
    status: int
    head: str


class Reader(asyncio.StreamReader):
    """What came before a reset can be read, and then it is the end."""

    def set_exception(self, exc: Exception) -> None:
        self.feed_eof()


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> bool:
        """Whether the other side still takes it."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return False
        return not self.writer.is_closing()

    async def answer(self) -> Answered:
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return Answered(int(head.split()[1]), head)

    async def rest(self, *, within: float = PATIENCE) -> bytes:
        """All that comes until the other side ends it."""
        data = b""
        async with asyncio.timeout(within):
            while piece := await self.reader.read(65536):
                data += piece
        return data

    async def next_frame(self) -> tuple[int, bytes]:
        """Opcode and payload."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            if size > 125:
                size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8))
            return first & 0xF, await self.reader.readexactly(size)

    async def until(self, opcode: int) -> bytes:
        while True:
            found, payload = await self.next_frame()
            if found == opcode:
                return payload


@asynccontextmanager
async def wire(worker: Worker) -> AsyncIterator[Wire]:
    loop, reader = asyncio.get_running_loop(), Reader()
    transport, protocol = await loop.create_connection(
        lambda: asyncio.StreamReaderProtocol(reader), "127.0.0.1", worker.port
    )
    try:
        yield Wire(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
    finally:
        transport.abort()


@asynccontextmanager
async def opened(worker: Worker, path: str, token: str) -> AsyncIterator[Wire]:
    """A socket that had its welcome."""
    async with wire(worker) as one:
        await one.send(handshake(worker, path, f"Authorization: Bearer {token}"))
        assert (await one.answer()).status == 101
        await one.until(TEXT)
        yield one


class Pulse:
    """How long another's ping takes meanwhile, at worst, in seconds."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self.worst = 0.0
        self.count = 0
        self.enough = False

    async def measure(self, other: Wire) -> None:
        while not self.enough:
            watch = Stopwatch(self._worker)
            await other.send(frame(TEXT, b'{"type":"ping","ref":"pulse"}'))
            while b'"pulse"' not in await other.until(TEXT):
                pass
            self.worst = max(self.worst, watch.seconds)
            self.count += 1
            await asyncio.sleep(0.01)


@asynccontextmanager
async def pulse_of(worker: Worker, path: str, token: str) -> AsyncIterator[Pulse]:
    pulse = Pulse(worker)
    async with opened(worker, path, token) as other:
        measuring = asyncio.create_task(pulse.measure(other))
        try:
            yield pulse
        finally:
            pulse.enough = True
            await measuring
