"""What those who join a log have missed. Whoever waits at the same time shares one read.

After a worker died its whole crowd comes back at once, to the same rooms and from nearly the same
`seq`.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple

from realtime import database
from realtime.conf import conf
from realtime.log import FollowedLog, log_of
from realtime.per_loop import PerLoop

# More than this behind: the client reloads over HTTP instead.
RECOVERY_LIMIT = conf.RECOVERY_LIMIT

Entries = list[tuple[int, bytes]]


class Tail(NamedTuple):
    """The head of a log, and what it has beyond the lowest `seq` that somebody asked for."""

    head: int
    entries: Entries

    def beyond(self, after: int | None) -> Entries | None:
        """None if that is too much, or if the log does not reach so far."""
        if after is None:
            return []
        if not 0 <= self.head - after <= RECOVERY_LIMIT:
            return None
        return self.entries[bisect_right(self.entries, after, key=itemgetter(0)) :]


class Tails:
    def __init__(self) -> None:
        self._asked: dict[str, list[int]] = {}  # of the reads that have not begun
        self._reads: dict[str, asyncio.Task[Tail]] = {}  # the newest of each group

    async def read(self, group: str, after: int | None) -> tuple[int, Entries | None]:
        """The head and the entries beyond `after`, by a read that begins after this call.

        So it has all that was delivered before the caller joined. Raises what the database raises.
        """
        if group not in self._asked:
            self._asked[group] = []
            read = asyncio.create_task(self._read(group, before=self._reads.get(group)))
            read.add_done_callback(_retrieved)
            self._reads[group] = read
        if after is not None:
            self._asked[group].append(after)
        tail = await asyncio.shield(self._reads[group])  # others wait for it too
        return tail.head, tail.beyond(after)

    async def _read(self, group: str, *, before: asyncio.Task[Tail] | None) -> Tail:
        """One read of a group at a time: meanwhile those gather who share the next."""
        if before is not None:
            await asyncio.wait([before])
        try:
            return await database.run(_tail, group, self._asked.pop(group))
        finally:
            if self._reads[group] is asyncio.current_task():
                del self._reads[group]


def _retrieved(read: asyncio.Task[Tail]) -> None:
    """Whoever asked for it may have gone."""
    if not read.cancelled():
        read.exception()


def _tail(group: str, afters: Sequence[int]) -> Tail:
    backing = log_of(group)
    assert backing is not None, f"{group} has no log"
    log, owner_id = backing
    assert isinstance(log, FollowedLog), f"{group} is not to be followed"
    if not afters:
        return Tail(log.heads([owner_id]).get(owner_id, 0), [])
    return Tail(*log.tail(owner_id, lowest=min(afters), highest=max(afters), limit=RECOVERY_LIMIT))


# `tails.get()` is that of the running event loop.
tails = PerLoop(Tails)
