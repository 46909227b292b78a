"""One instance of a service per event loop: in a server, one per process."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes the service at its first use on a loop, and forgets those of closed loops."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._services: dict[asyncio.AbstractEventLoop, T] = {}

    def get(self) -> T:
        loop = asyncio.get_running_loop()
        if (service := self._services.get(loop)) is None:
            self._services = dict(self._alive())
            # Its tasks live on, and are to log nothing as of the socket that was the first.
            service = self._services[loop] = Context().run(self._make)
        return service

    def all(self) -> list[T]:
        """Those whose loop is not closed; safe to call from any thread."""
        return [service for _, service in self._alive()]

    def forget(self, service: T) -> None:
        """Make a new one at the next use."""
        self._services = {loop: other for loop, other in self._alive() if other is not service}

    def _alive(self) -> list[tuple[asyncio.AbstractEventLoop, T]]:
        return [item for item in list(self._services.items()) if not item[0].is_closed()]
