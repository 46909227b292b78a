"""How many sockets one may have open: a user, an address.

`places.get()` is that of the running event loop: counted in the process, or in Redis for all
workers together.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import structlog

from realtime import redis
from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import conf
from realtime.errors import Refused
from realtime.limit_store import RedisCounts
from realtime.limits import STORE_TIMEOUT, tidy
from realtime.per_loop import PerLoop
from realtime.tasks import end

logger = structlog.get_logger(__name__)

T = TypeVar("T")

REFRESH_INTERVAL = conf.LEASE_REFRESH
BEGIN_TIMEOUT = conf.LEASE_BEGIN_TIMEOUT  # seconds, to tell all counts anew; nobody waits for it
RETURN_WITHIN = conf.PLACE_RETURN_WITHIN  # seconds: nobody knows when a place is free


def too_many(whose: str) -> Refused:
    return Refused(
        CloseCode.RATE_LIMITED,
        ErrorCode.RATE_LIMITED,
        f"There are too many sockets of this {whose}.",
        retry_after=tidy(random.uniform(*RETURN_WITHIN)),  # noqa: S311 - a spread
    )


class Places:
    """For a site with one process."""

    def __init__(self) -> None:
        self._here: Counter[str] = Counter()

    async def take(self, key: str, *, limit: float) -> bool:
        """One more socket, if that is within the limit. Never raises, nor waits for long."""
        if self._here[key] >= limit:
            return False
        self._here[key] += 1
        return True

    def give_back(self, key: str) -> None:
        self._here[key] -= 1
        if self._here[key] <= 0:
            del self._here[key]

    async def close(self) -> None:
        places.forget(self)


class SharedPlaces(Places):
    """For several workers: each tells Redis its own counts, under a lease.

    Without the lease, as at the start and while Redis is away, a worker goes by its own counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._store = RedisCounts()
        self._leased = False
        # One command at a time: counts that overtake each other would be wrong for good.
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._keep_lease())

    async def take(self, key: str, *, limit: float) -> bool:
        if self._leased and (granted := await self._claimed(key, limit)) is not None:
            return granted
        taken = await super().take(key, limit=limit)
        if taken:
            self._spawn(self._tell(key))
        return taken

    async def _claimed(self, key: str, limit: float) -> bool | None:
        async with self._turn:
            if not self._leased:  # lost while others had their turn: not to be waited for again
                return None
            claim = self._store.claim(key, self._here[key] + 1, limit=limit)
            if granted := await self._asked(claim):
                self._here[key] += 1
            return granted

    def give_back(self, key: str) -> None:
        super().give_back(key)
        self._spawn(self._tell(key))

    async def _tell(self, key: str) -> None:
        async with self._turn:
            if self._leased:
                await self._asked(self._store.put({key: self._here[key]}))

    async def _keep_lease(self) -> None:
        while True:
            async with self._turn:
                if not (self._leased and await self._asked(self._store.renew())):
                    self._leased = bool(await self._asked(self._begin(), within=BEGIN_TIMEOUT))
            await asyncio.sleep(REFRESH_INTERVAL)

    async def _begin(self) -> bool:
        """Under a new name: what was told under the old one may be out of date, or lost."""
        await self._store.give_up()
        self._store = RedisCounts()
        await self._store.renew()
        await self._store.put(self._here)
        return True

    async def _asked(self, call: Awaitable[T], *, within: float | None = None) -> T | None:
        """None if Redis is away: then this worker goes by its own counts."""
        try:
            async with asyncio.timeout(STORE_TIMEOUT if within is None else within):
                return await call
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody is locked out for it
            logger.warning("limit_store_away", error=str(error) or type(error).__name__)
            self._leased = False
            return None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        await super().close()
        await end(*self._tasks)


places: PerLoop[Places] = PerLoop(lambda: SharedPlaces() if redis.configured() else Places())
