"""A good client: it resends what nobody acknowledged, resumes where it was, and waits when told."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from soak.ledger import Ledger, Post
from soak.streets import Streets
from soak.workers import Door

DURABLE = {"message", "edit", "delete", "reaction", "member", "room"}
FOR_GOOD = {1000, 4400, 4403, 4404, 4413}
# The library tells of each connection that a fault takes; what matters of it is counted here.
SILENT = logging.getLogger(__name__)
SILENT.propagate = False
SILENT.addHandler(logging.NullHandler())

PING = 5.0  # seconds between pings, and until one must be answered
STALE = 5.0  # seconds without an acknowledgement
CROWD_PING = 60.0  # the same, where one machine plays thousands and is late itself
BACKOFF = (0.1, 0.5)
DOUBLINGS = 3  # of that, for who is not let in again and again
OPENING = 60.0  # seconds: a crowd that gives up and comes again is a larger crowd
PAGE = 200


@lru_cache(4096)
def decoded(text: str) -> tuple[dict[str, Any], int]:
    """The frame and what it comes to: the same frame goes to every socket of a room."""
    frame = json.loads(text)
    return frame, mark_of(frame)


def mark_of(frame: dict[str, Any]) -> int:
    return hash(json.dumps(frame, sort_keys=True))


@dataclass
class Person:
    """Somebody with tokens. Whoever signs in again has others."""

    id: str
    name: str
    access: str
    refresh: str = ""
    signing_in: asyncio.Lock = field(default_factory=asyncio.Lock)


def opening(door: Door, path: str, person: Person | None = None, **options: Any) -> "connect":
    headers = {"Authorization": f"Bearer {person.access}"} if person else {}
    return connect(
        door.ws + path,
        **{
            "additional_headers": headers,
            "logger": SILENT,
            "compression": None,
            "proxy": None,
            "ping_interval": PING,
            "ping_timeout": PING,
            "close_timeout": 2,
            "open_timeout": OPENING,
            "max_size": None,
            **options,
        },
    )


async def call(door: Door, method: str, path: str, *, token: str = "", **body: Any) -> Any:
    return await asyncio.to_thread(door.call, method, path, token=token, **body)


class Client:
    """One person in one room, over any number of connections; over one, if it does not return."""

    def __init__(
        self,
        person: Person,
        room: str,
        *,
        streets: Streets,
        ledger: Ledger,
        seed: int,
        ping: float = PING,
        returns: bool = True,
    ) -> None:
        self.person = person
        self._ping = ping
        self.room = room
        self.door = seed % len(streets.doors)
        self.returns = returns
        self.unwanted = False  # it is to be put out; whoever else is, is a breach
        self.last = 0
        self.trail: list[tuple[int, int]] = []  # every durable frame: its seq and mark
        self.online = 0
        self.shown: set[str] = set()  # the ids of those who are online, as far as they are named
        self.connection: ClientConnection | None = None
        self.ended: int | None = None  # the code of a close that was for good
        self.ended_at = 0.0
        self.welcomed = asyncio.Event()
        self.welcomes = 0
        self.changed = asyncio.Event()  # something came
        self._streets = streets
        self._ledger = ledger
        self._random = random.Random(seed)  # noqa: S311 - a course that can be repeated
        self._pending: dict[str, Post] = {}
        self._posted = 0
        self._wait = 0.0
        self._failures = 0
        self._first = inf  # when it was welcomed
        self._since = 0.0  # the same; anew only after a connection that a fault took
        self._taken = True  # a fault did
        self._heard = 0  # the last number on this connection
        self._lost_at: float | None = None
        self._held: list[str] | None = None  # what comes while the log is read over HTTP
        self._reload_to = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what it does ---

    def post(self, text: str = "") -> Post:
        self._posted += 1
        client_id = f"{self.room}-{self.person.id}-{self._posted}"
        post = Post(
            self.room,
            client_id,
            f"{self.room} {client_id} {text}",
            self.door,
            self._streets.calm(self.door) and self.welcomed.is_set(),
            self._ledger.during,
        )
        self._ledger.posts[client_id] = self._pending[client_id] = post
        self._send(post)
        return post

    def resend_stale(self) -> None:
        now = time.monotonic()
        for post in list(self._pending.values()):
            if now - post.tried_at > STALE:
                self._send(post)

    @property
    def waiting(self) -> list[float]:
        """For how many seconds it has waited for each acknowledgement."""
        now = time.monotonic()
        return [now - post.sent_at for post in self._pending.values()]

    def _send(self, post: Post) -> None:
        if self.connection is not None and self.welcomed.is_set():
            post.tried_at = time.monotonic()
            frame = {"type": "message", "text": post.text, "client_id": post.client_id}
            self._spawn(self._write(self.connection, json.dumps(frame)))

    @staticmethod
    async def _write(connection: ClientConnection, text: str) -> None:
        try:
            await connection.send(text)
        except ConnectionClosed:
            return  # it is resent on the next connection

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def until(self, check: Callable[[], bool]) -> None:
        """Until something came that makes it so."""
        while not check():
            self.changed.clear()
            await self.changed.wait()

    # --- its life ---

    async def run(self) -> None:
        """Until it is cancelled, or closed for good."""
        try:
            while self.ended is None and (self.returns or not self.welcomes):
                await self._visit()
                if self.ended is None and self.returns:
                    pause = self._random.uniform(*BACKOFF) * 2 ** min(self._failures, DOUBLINGS)
                    await asyncio.sleep(max(self._wait, pause))
        finally:
            for task in self._tasks:
                task.cancel()

    async def _visit(self) -> None:
        self._wait = 0.0
        code: int | None = None
        shown = self.person.access
        self._heard = self.last
        try:
            path = f"/ws/chat/{self.room}/?after={self.last}"
            door = self._streets.doors[self.door]
            pings = {"ping_interval": self._ping, "ping_timeout": self._ping}
            async with opening(door, path, self.person, **pings) as self.connection:
                try:
                    async for text in self.connection:
                        self._take(str(text))
                except ConnectionClosed:
                    pass
                code = self.connection.close_code
        except (OSError, InvalidHandshake, ConnectionClosed, TimeoutError):
            self._failures += 1
            self.door = self._streets.another(self.door, self._random)
        self.connection = None
        if code == 4401:
            await self._sign_in_again(refused=shown)
        self._closed(code)

    def _closed(self, code: int | None) -> None:
        if self.welcomed.is_set():
            self.welcomed.clear()
            for post in self._pending.values():
                post.calm = False
            self._lost_at = time.monotonic()
            self._taken = not self._streets.calm(self.door)
            self._ledger.reconnects += 1
        if code in FOR_GOOD:
            self._end(code)
        elif code not in {4401, 4503, None}:
            self.door = self._streets.another(self.door, self._random)

    def _end(self, code: int) -> None:
        self.ended, self.ended_at = code, time.monotonic()
        self.changed.set()
        if not self.unwanted:
            self._ledger.breach("B", f"{self.person.name} was put out of {self.room} with {code}")

    async def _sign_in_again(self, *, refused: str) -> None:
        """Once for all sockets of the person: a token that renews another is good once."""
        async with self.person.signing_in:
            if self.person.access == refused:
                await self._renew()

    async def _renew(self) -> None:
        door, refresh = self._streets.doors[self.door], self.person.refresh
        try:
            status, tokens = await call(door, "POST", "/api/token/refresh/", refresh=refresh)
        except OSError:
            return
        if status == 200:
            self.person.access, self.person.refresh = tokens["access"], tokens["refresh"]
        elif status == 401:
            self._end(4401)

    # --- what comes ---

    def _take(self, text: str) -> None:
        self.changed.set()
        frame, mark = decoded(text)
        kind = frame["type"]
        if kind in DURABLE:
            self._logged(frame, mark, text)
        elif kind in self._handlers:
            self._handlers[kind](self, frame)

    def _logged(self, frame: dict[str, Any], mark: int, text: str) -> None:
        seq = frame["seq"]
        if seq <= self._heard:
            self._went_back(seq)
            return
        self._heard = seq
        if self._held is not None:
            self._held.append(text)
        elif seq > self.last:  # else it was read over HTTP, a moment before it came
            self._next(frame, mark)

    def _next(self, frame: dict[str, Any], mark: int) -> None:
        seq = frame["seq"]
        if seq > self.last + 1:
            self._ledger.gaps += 1
            self._ledger.breach("B", f"{self.person.name} got {seq} after {self.last}")
        self.last = seq
        self.trail.append((seq, mark))
        if frame["type"] == "message":
            self._message(frame)

    def _went_back(self, seq: int) -> None:
        if seq == self._heard:
            self._ledger.repeated += 1
        else:
            self._ledger.backwards += 1
        self._ledger.breach("C", f"{self.person.name} got {seq} after {self._heard}")

    def _message(self, frame: dict[str, Any]) -> None:
        if not frame["text"].startswith(f"{self.room} "):
            self._ledger.breach("H", f"{self.person.name} in {self.room} got {frame['text'][:60]}")
        calm_since = max(self._since, self._streets.calm_since(self.door))
        if post := self._ledger.posts.get(frame["client_id"]):
            calm_since = max(calm_since, self._streets.calm_since(post.door))
        self._ledger.delivered(frame["client_id"], there_since=self._first, calm_since=calm_since)

    def _welcome(self, frame: dict[str, Any]) -> None:
        self.online = frame["online"]
        self.shown = {person["id"] for person in frame["people"]}
        self.welcomed.set()
        self.welcomes += 1
        self._failures = 0
        if self._taken:
            self._since, self._taken = time.monotonic(), False
        self._first = min(self._first, self._since)
        if self._lost_at is not None:
            self._ledger.blackouts.append(time.monotonic() - self._lost_at)
            self._lost_at = None
        for post in list(self._pending.values()):
            self._send(post)

    def _sent(self, frame: dict[str, Any]) -> None:
        if (client_id := frame.get("client_id")) in self._ledger.posts:
            self._pending.pop(client_id, None)
            self._ledger.acked(client_id, frame["seq"])

    def _presence(self, frame: dict[str, Any]) -> None:
        self.online = frame["online"]
        self.shown |= {person["id"] for person in frame["joined"]}
        self.shown -= {person["id"] for person in frame["left"]}

    def _error(self, frame: dict[str, Any]) -> None:
        self._ledger.errors[frame["code"]] += 1
        if frame["code"] == "unavailable" and not frame.get("retry_after"):
            self._ledger.breach("J", f"{self.person.name} was not told when: {frame}")
        wait = frame.get("retry_after") or 1.0
        post = self._pending.get(frame.get("client_id", ""))
        if post is not None:
            asyncio.get_running_loop().call_later(wait, self._send_if_pending, post)
        else:
            self._wait = wait

    def _send_if_pending(self, post: Post) -> None:
        if post.client_id in self._pending:
            self._send(post)

    def _closing(self, frame: dict[str, Any]) -> None:
        self._wait = frame["retry_after"]

    def _resync(self, frame: dict[str, Any]) -> None:
        self._ledger.resyncs += 1
        self._reload_to = max(self._reload_to, frame["seq"])
        if self._held is None:
            self._held = []
            self._spawn(self._reload())

    async def _reload(self) -> None:
        """What lies between, over HTTP; then what came meanwhile."""
        while self.last < self._reload_to:
            for event in await self._page():
                if event["seq"] == self.last + 1:
                    self._next(event, mark_of(event))
        held, self._held = self._held or [], None
        for text in held:
            frame, mark = decoded(text)
            if frame["seq"] > self.last:
                self._next(frame, mark)
        self.changed.set()

    async def _page(self) -> list[dict[str, Any]]:
        path = f"/api/rooms/{self.room}/events/?after={self.last}&limit={PAGE}"
        door, token = self._streets.doors[self.door], self.person.access
        try:
            answer = await call(door, "GET", path, token=token)
        except OSError:
            answer = None
        if answer is not None and answer.status == 401:
            await self._sign_in_again(refused=token)
        if answer is None or answer.status != 200:
            await asyncio.sleep(0.5)
            return []
        events: list[dict[str, Any]] = answer.body["results"]
        return events

    _handlers: dict[str, Callable[["Client", dict[str, Any]], None]] = {
        "welcome": _welcome,
        "sent": _sent,
        "presence": _presence,
        "error": _error,
        "closing": _closing,
        "resync": _resync,
    }
