"""Blocking database work, away from the event loop.

Channels runs all of a process's socket ORM work on one thread, so one slow query holds up every
socket. Here it has its own small pool of threads.
"""

import asyncio
import contextvars
import functools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connections

from realtime.conf import conf

P = ParamSpec("P")
R = TypeVar("R")

THREADS = conf.DATABASE_THREADS
DATABASE_AWAY = (OperationalError, InterfaceError)
# Seconds. Calls that have waited for a thread for longer, while others found the database away, are
# not made: each would take as long to find the same, and the last would be told after minutes.
QUEUED_WHILE_AWAY = 3.0

_away = False
_executor: ThreadPoolExecutor | None = None


async def run(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Await `function(...)`, run on a database thread in a copy of the caller's context."""
    call = functools.partial(function, *args, **kwargs)
    run = functools.partial(_run_and_release, call, time.monotonic())
    in_context = functools.partial(contextvars.copy_context().run, run)
    return await asyncio.get_running_loop().run_in_executor(_threads(), in_context)


def shutdown() -> None:
    """End the threads and, with them, their connections. Tests call it before teardown."""
    global _executor
    executor, _executor = _executor, None
    if executor is not None:
        executor.shutdown(wait=True)


def _threads() -> ThreadPoolExecutor:
    global _executor
    if _executor is None:
        _executor = ThreadPoolExecutor(
            max_workers=THREADS,
            thread_name_prefix="realtime-database",
        )
    return _executor


def _run_and_release(call: Callable[[], R], asked_at: float) -> R:
    global _away
    if _away and time.monotonic() - asked_at > QUEUED_WHILE_AWAY:
        raise OperationalError("The database is away.")
    away = False
    try:
        return call()
    except DATABASE_AWAY:
        away = True
        raise
    finally:
        _away = away
        _release_connections()


def _release_connections() -> None:
    """Give pooled connections back and drop broken ones.

    SQLite's stay open: reopening one costs 1.7 ms, three posts' worth.
    """
    for connection in connections.all(initialized_only=True):
        if connection.vendor != "sqlite" or connection.errors_occurred:
            connection.close_if_unusable_or_obsolete()
