"""The store of this process, and the threads on which sockets ask it."""

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings

from topics.errors import TopicsAway
from topics.redis_store import RedisTopics
from topics.store import MemoryTopics, TopicStore

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE = 2.0  # seconds, of which most may be spent on waiting for a thread

# Not those of the database: a Redis that hangs must not hold up what does not need it.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="topics")


def topic_store() -> TopicStore:
    return _store(getattr(settings, "REDIS_URL", ""))


@functools.cache
def _store(redis_url: str) -> TopicStore:
    return RedisTopics() if redis_url else MemoryTopics()


async def run(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Await `function(...)`, which asks the store. Raises TopicsAway after PATIENCE, too."""
    call = functools.partial(function, *args, **kwargs)
    try:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().run_in_executor(_threads, call)
    except TimeoutError:
        raise TopicsAway from None
