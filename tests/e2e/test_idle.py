"""Who says nothing may stay."""

import asyncio
import time

from tests.e2e.idle import LONG, IdleSockets


async def test_a_socket_that_is_idle_for_a_minute_is_not_closed(idle_sockets: IdleSockets) -> None:
    await asyncio.sleep(max(0.0, idle_sockets.since + LONG - time.monotonic()))
    assert idle_sockets.closed == []
