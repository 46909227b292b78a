"""Who is shown in a room, and is not there."""

import asyncio
import time
from math import inf

from soak.faults.crowds import GHOSTS_GONE
from soak.stage import Stage

LOOK_EVERY = 0.2


class Ghosts:
    """Each has 20 s from the moment at which it is gone.

    Those do not count in which a fault touches everybody: nobody can be told then.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._since: dict[tuple[str, str], float] = {}  # room, person -> when they were gone

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self.look(time.monotonic())

    @property
    def left(self) -> int:
        return len(self._since)

    def look(self, now: float) -> None:
        for room in {client.room for client in self._stage.members}:
            self._look_into(room, now)

    def _look_into(self, room: str, now: float) -> None:
        watcher = self._stage.watcher(room)
        calm_since = self._stage.streets.calm_since(watcher.door)
        if calm_since == inf or not watcher.welcomed.is_set():
            return
        here = self._stage.people_in(room)
        ghosts = watcher.shown - here - self._stage.strangers
        for key in [key for key in self._since if key[0] == room and key[1] not in ghosts]:
            since = max(self._since.pop(key), calm_since)
            if since < inf:  # else it was told
                self._stage.ledger.figure("somebody who was gone shown for, s", now - since)
        for person in ghosts:
            since = self._since.setdefault((room, person), now)
            if now - max(since, calm_since) > GHOSTS_GONE:
                told = (
                    f"{watcher.person.name} is told of {watcher.online}, and there are {len(here)}"
                )
                self._stage.ledger.breach(
                    "D", f"person {person} was gone {now - since:.0f} s ago; {told}"
                )
                self._since[room, person] = inf  # told
