"""Whether what open sockets stand on still holds: their credentials, their places in rooms.

Whoever ends a credential or a membership says so at once (realtime.publish), but the layer may lose
the word, and a command in another process may have none to send it with. So each process looks for
itself: every few seconds while it cannot hear the others, and now and then while it can. A socket
that was just let in is looked at once more, for what was read at the door may have changed since.

Realtime knows nothing of accounts and rooms: the apps register their checks.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

import structlog

from realtime import database
from realtime.conf import conf
from realtime.credentials import Credential
from realtime.errors import Refused

logger = structlog.get_logger(__name__)

TICK = conf.SWEEP_TICK
INTERVAL = conf.SWEEP_INTERVAL
# Per look: of so many rooms or sign-ins, for SQLite keeps the compiled statement of each length of
# list, of each thread; and so many sockets, for others wait while Python goes through them.
KEYS = conf.SWEEP_KEYS
BATCH = conf.SWEEP_BATCH
INTERVAL_UNHEARD = conf.SWEEP_INTERVAL_UNHEARD  # and a tick: less than the 5 s that are promised


class Standing(Protocol):
    credential: Credential

    def end(self, refusal: Refused) -> None: ...


# Which of these sockets are to be ended, and why. Blocking: it runs on a database thread, reads of
# the sockets only what does not change, and takes as many queries for one socket as for all.
Check = Callable[[Sequence[Standing]], Iterable[tuple[Standing, Refused]]]
# Sockets of one key are looked at together: the same rows are read for them.
Key = Callable[[Standing], str]

_checks: list[tuple[Check, Key]] = []


def register_check(check: Check, *, key: Key) -> None:
    """Called from AppConfig.ready()."""
    _checks.append((check, key))


class Sweep:
    def __init__(self, *, unheard: Callable[[], bool]) -> None:
        """`unheard` says whether the word of other processes may not arrive here now."""
        self._unheard = unheard
        self._loop = asyncio.get_running_loop()
        self._sockets: set[Standing] = set()
        self._doubted: set[Standing] = set()
        self._wanted = asyncio.Event()
        self._swept_at = self._loop.time()

    def add(self, socket: Standing) -> None:
        """Look at the socket at the next tick, and with the others from then on."""
        self._sockets.add(socket)
        self._doubted.add(socket)

    def discard(self, socket: Standing) -> None:
        self._sockets.discard(socket)
        self._doubted.discard(socket)

    def doubt(self, socket: Standing) -> None:
        """Look at the socket now."""
        self._doubted.add(socket)
        self._wanted.set()

    def doubt_all(self) -> None:
        self._doubted |= self._sockets
        self._wanted.set()

    async def run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), TICK)
            self._wanted.clear()
            await self._look_at_due()

    async def _look_at_due(self) -> None:
        due = self._due()
        for check, key in _checks:
            for sockets in _batches(due, key):
                await self._look_at(sockets, check)

    def _due(self) -> set[Standing]:
        interval = INTERVAL_UNHEARD if self._unheard() else INTERVAL
        if self._loop.time() - self._swept_at >= interval:
            self._swept_at = self._loop.time()
            self._doubted = set(self._sockets)
        due, self._doubted = self._doubted & self._sockets, set()
        return due

    async def _look_at(self, sockets: list[Standing], check: Check) -> None:
        shown = {socket: socket.credential for socket in sockets}
        try:
            ended = await database.run(_checked, check, sockets)
        except Exception as error:  # noqa: BLE001 - the database is away: at the next tick
            logger.warning("sweep_failed", error=str(error))
            self._doubted |= self._sockets.intersection(sockets)
            return
        for socket, refusal in ended:
            if socket.credential is shown[socket]:  # else it was renewed meanwhile
                socket.end(refusal)


def _batches(sockets: Iterable[Standing], key: Key) -> Iterator[list[Standing]]:
    by_key: defaultdict[str, list[Standing]] = defaultdict(list)
    for socket in sockets:
        by_key[key(socket)].append(socket)
    batch: list[Standing] = []
    keys = 0
    for together in by_key.values():
        keys += 1
        for start in range(0, len(together), BATCH):
            some = together[start : start + BATCH]
            if keys > KEYS or len(batch) + len(some) > BATCH:
                yield batch
                batch, keys = [], 1
            batch += some
    if batch:
        yield batch


def _checked(check: Check, sockets: Sequence[Standing]) -> list[tuple[Standing, Refused]]:
    return list(check(sockets))
