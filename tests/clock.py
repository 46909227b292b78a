"""An event loop whose clock the test need not wait for."""

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class _Jump(selectors.DefaultSelector):  # type: ignore[misc, valid-type]  # chosen by the platform
    """Where nothing is to be done before a timer, the timer is due."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """No threads: what they do takes no time here."""

    def __init__(self) -> None:
        self._clock = _Jump()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def jump_through(work: Coroutine[Any, Any, T]) -> T:
    """Run, on a clock that begins at 0 and jumps from one timer to the next."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


def jumping(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """A test that runs so. Its fixtures do not."""

    @functools.wraps(work)
    def test(*args: P.args, **kwargs: P.kwargs) -> T:
        return jump_through(work(*args, **kwargs))

    return test
