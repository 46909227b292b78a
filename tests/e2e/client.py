"""A client of the wire contract, on the `websockets` library: nothing of the site's own code."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.workers import Entry, Worker

DURABLE = {"message", "member", "room", "notification", "notification-update"}
PATIENCE = 30.0  # seconds; what is promised sooner says so
LATE = 15.0  # seconds that a machine which does other things may add to what is promised


class Closed(Exception):
    """The socket ended while something was awaited of it."""

    def __init__(self, code: int, awaited: str) -> None:
        super().__init__(f"closed with {code}, awaiting {awaited}")
        self.code = code


class Journal:
    """What one person has seen of one log, over all of their connections.

    Every durable frame must be the next one: no hole, no repeat, no step back.
    """

    def __init__(self) -> None:
        self.last: int | None = None
        self.frames: list[dict[str, Any]] = []
        self.acknowledged: dict[str, int] = {}

    def begin(self, at: int) -> None:
        """The first durable frame comes after this one; on a later connection, nothing changes."""
        if self.last is None:
            self.last = at

    def add(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome" if "seq" in frame:
                self.begin(frame["seq"])
            case "sent" if "client_id" in frame:
                first = self.acknowledged.setdefault(frame["client_id"], frame["seq"])
                assert frame["seq"] == first, f"{frame} was acknowledged as {first} before"
            case type_ if type_ in DURABLE:
                assert self.last is not None
                assert frame["seq"] == self.last + 1, f"{frame} came after {self.last}"
                self.last = frame["seq"]
                self.frames.append(frame)

    def agrees_with(self, log: Iterable[Entry]) -> bool:
        """Whether this is what the database has, from the first frame seen to the last."""
        first = self.frames[0]["seq"] if self.frames else 0
        last = self.last or 0
        return self.frames == [entry.frame for entry in log if first <= entry.seq <= last]


class Socket:
    """One connection. Frames are waited for in the order in which they came."""

    def __init__(self, connection: ClientConnection, journal: Journal) -> None:
        self.connection = connection
        self.journal = journal
        self.frames: list[dict[str, Any]] = []
        self.welcome: dict[str, Any] = {}
        self._unseen: asyncio.Queue[dict[str, Any] | AssertionError] = asyncio.Queue()
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self.connection:
                self._take(json.loads(text))
        self._unseen.put_nowait({"type": "close", "code": self.connection.close_code})

    def _take(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        try:
            self.journal.add(frame)
        except AssertionError as error:
            self._unseen.put_nowait(error)
            raise
        self._unseen.put_nowait(frame)

    async def send(self, **frame: Any) -> None:
        await self.connection.send(json.dumps(frame))

    async def say(self, text: str, client_id: str) -> None:
        await self.send(type="message", text=text, client_id=client_id)

    async def next(self, *, within: float = PATIENCE) -> dict[str, Any]:
        """The next frame or, once closed, `{"type": "close", "code": ...}`."""
        try:
            async with asyncio.timeout(within):
                frame = await self._unseen.get()
        except TimeoutError:
            raise TimeoutError(f"nothing came; before: {self.frames[-5:]}") from None
        if isinstance(frame, AssertionError):
            raise frame
        return frame

    async def until(self, type_: str, *, within: float = PATIENCE, **fields: Any) -> dict[str, Any]:
        """The next frame of that type with these fields."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        while True:
            try:
                frame = await self.next(within=max(0.0, deadline - loop.time()))
            except TimeoutError as error:
                raise TimeoutError(f"waited {within} s for {type_} {fields}: {error}") from None
            if frame["type"] == type_ and fields.items() <= frame.items():
                return frame
            if frame["type"] == "close":
                raise Closed(frame["code"], f"{type_} {fields}")

    async def sees(
        self, change: str, visitor: "Visitor", *, within: float = PATIENCE, **fields: Any
    ) -> dict[str, Any]:
        """The next `presence` that names the visitor among those who `joined` or `left`."""
        while True:
            frame = await self.until("presence", within=within, **fields)
            if visitor.person in frame[change]:
                return frame

    async def closed(self, *, within: float = PATIENCE) -> int:
        """Wait for the end; the close code."""
        while (frame := await self.next(within=within))["type"] != "close":
            pass
        return int(frame["code"])

    async def acknowledged(self, client_ids: Iterable[str], *, within: float = PATIENCE) -> None:
        awaited = set(client_ids)
        await self._while(lambda: not awaited <= set(self.journal.acknowledged), within)

    async def caught_up(self, seq: int, *, within: float = PATIENCE) -> None:
        """Wait until everything up to `seq` is here."""
        await self._while(lambda: (self.journal.last or 0) < seq, within)

    async def _while(self, short: Callable[[], bool], within: float) -> None:
        async with asyncio.timeout(within):
            while short():
                if (frame := await self.next(within=within))["type"] == "close":
                    raise Closed(frame["code"], "more")

    @property
    def open(self) -> bool:
        return self.connection.close_code is None


@dataclass
class Visitor:
    """Somebody with an access token."""

    id: str
    name: str
    access: str
    journals: dict[str, Journal] = field(default_factory=dict)

    @property
    def person(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "guest": True}

    def in_room(self, worker: Worker, room: str, *, after: int | None = None) -> Any:
        """A socket in the room. A later one resumes where the first ended."""
        return self._following(worker, f"/ws/chat/{room}/", after)

    def at_the_bell(self, worker: Worker, *, after: int | None = None) -> Any:
        return self._following(worker, "/ws/notifications/", after)

    def _following(self, worker: Worker, path: str, after: int | None) -> Any:
        journal = self.journals.setdefault(path, Journal())
        after = journal.last if after is None else after
        query = "" if after is None else f"?after={after}"
        return connected(worker, path + query, token=self.access, journal=journal, after=after)

    def journal(self, room: str) -> Journal:
        return self.journals[f"/ws/chat/{room}/"]


async def guest(worker: Worker, name: str) -> Visitor:
    status, body = await call(worker, "POST", "/api/guest/", name=name)
    assert status == 201, body
    return Visitor(id=body["user"]["id"], name=name, access=body["access"])


async def call(worker: Worker, method: str, path: str, *, token: str = "", **body: Any) -> Any:
    return await asyncio.to_thread(worker.call, method, path, token=token, **body)


@asynccontextmanager
async def raw(
    worker: Worker,
    path: str,
    *,
    token: str = "",
    origin: str = "",
    headers: dict[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[ClientConnection]:
    headers = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
    async with connect(
        worker.ws + path,
        additional_headers=headers,
        origin=origin or None,  # type: ignore[arg-type]
        compression=None,
        proxy=None,
        max_size=None,
        **{"open_timeout": PATIENCE, "close_timeout": 2, **options},
    ) as connection:
        yield connection


@asynccontextmanager
async def silent(worker: Worker, path: str, *, token: str) -> AsyncIterator[ClientConnection]:
    """A peer that after its welcome neither reads nor answers pings; its buffer is small."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", worker.port))
    async with raw(
        worker, path, token=token, sock=narrow, ping_interval=None, max_queue=None
    ) as connection:
        await connection.recv()
        connection.transport.pause_reading()
        yield connection
        connection.transport.abort()


@asynccontextmanager
async def connected(
    worker: Worker,
    path: str,
    *,
    token: str = "",
    journal: Journal | None = None,
    after: int | None = None,
    **options: Any,
) -> AsyncIterator[Socket]:
    """A socket that got its welcome, or was refused."""
    journal = journal or Journal()
    if after is not None:
        journal.begin(after)
    async with raw(worker, path, token=token, **options) as connection:
        client = Socket(connection, journal)
        try:
            first = await client.next()
            client.welcome = first if first["type"] == "welcome" else {}
            yield client
        finally:
            await connection.close()
            await client.reading  # raises what the journal found
