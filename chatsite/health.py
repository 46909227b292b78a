"""`/healthz`: the process is alive. `/readyz`: it can serve; if not, which part fails.

In front of everything else: a load balancer asks by address, over plain HTTP, and is not to be
redirected or refused for the host it names. In front of Django, too, whose handler takes a dozen
turns of the loop for a request: with thousands of sockets at the door each of them takes a while.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from realtime import database
from realtime.close_codes import ErrorCode
from realtime.hub import hubs

logger = structlog.get_logger(__name__)

CHECK_TIMEOUT = 2.0  # seconds; load balancers give up at 5 or so
RESEND_AFTER = 0.1  # seconds

Answer = tuple[HTTPStatus, Mapping[str, Any]]
Check = Callable[[], Awaitable[None]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class NotReady(Exception):
    pass


class Health:
    """An ASGI application before another for HTTP."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path") or "")
        if (answer := ANSWERS.get(path)) is None:
            await self._inner(scope, receive, send)
        elif scope["method"] in {"GET", "HEAD"}:
            await _send(send, await answer(), with_body=scope["method"] == "GET")
        else:
            await _send(send, REFUSED, allow=b"GET, HEAD")


async def _send(send: Send, answer: Answer, *, with_body: bool = True, **headers: bytes) -> None:
    status, said = answer
    body = msgspec.json.encode(said)
    known = {
        "content-type": b"application/json",
        "content-length": str(len(body)).encode(),
        "cache-control": b"no-store",
    }
    pairs = [(name.encode(), value) for name, value in (known | headers).items()]
    await send({"type": "http.response.start", "status": int(status), "headers": pairs})
    await send({"type": "http.response.body", "body": body if with_body else b""})


async def alive() -> Answer:
    return HTTPStatus.OK, {"status": "ok"}


async def ready() -> Answer:
    failed = await _failed({"database": database_answers, "layer": layer_carries})
    if "database" not in failed:
        failed += await _failed({"migrations": migrations_are_applied})
    if failed:
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "unavailable", "failed": failed}
    return HTTPStatus.OK, {"status": "ok"}


REFUSED = (
    HTTPStatus.METHOD_NOT_ALLOWED,
    {"code": ErrorCode.UNSUPPORTED, "message": "Health is for reading."},
)
ANSWERS = {"/healthz": alive, "/readyz": ready}


async def _failed(checks: dict[str, Check]) -> list[str]:
    """The names of the checks that raise or take too long.

    One that is late is left behind, not waited for: cancelling a call to a Redis that does not
    answer takes as long as the call.
    """
    tasks = {name: asyncio.ensure_future(check()) for name, check in checks.items()}
    await asyncio.wait(tasks.values(), timeout=CHECK_TIMEOUT)
    return [name for name, task in tasks.items() if not _succeeded(name, task)]


def _succeeded(name: str, task: "asyncio.Future[None]") -> bool:
    if not task.done():
        task.cancel()
        error: object = "timeout"
    elif (error := task.exception()) is None:
        return True
    logger.warning("not_ready", check=name, error=str(error))
    return False


async def database_answers() -> None:
    await database.run(_select_one)


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def layer_carries() -> None:
    """A message to oneself, there and back. The layer within the process has nowhere to fail."""
    if not settings.REDIS_URL:
        return
    if not all(hub.up for hub in hubs.all()):
        raise NotReady("the hub does not hear its own beats")
    layer: Any = get_channel_layer()
    channel = f"ready.{uuid.uuid4().hex}"
    heard = asyncio.ensure_future(layer.receive(channel))
    try:
        while not heard.done():  # what is sent before the layer has subscribed is lost
            await layer.send(channel, {"type": "ready"})
            await asyncio.wait([heard], timeout=RESEND_AFTER)
        heard.result()
    finally:
        await _stop_listening(layer, channel, heard)


async def _stop_listening(layer: Any, channel: str, heard: "asyncio.Future[Any]") -> None:
    """A cancelled receive is how the pub/sub layer is told; a finished one leaves it subscribed."""
    if heard.done():
        heard.exception()  # retrieved: where the send failed too, that one is told
        heard = asyncio.ensure_future(layer.receive(channel))
        await asyncio.sleep(0)
    heard.cancel()
    await asyncio.gather(heard, return_exceptions=True)


_applied = False


async def migrations_are_applied() -> None:
    """Asked until it is so: this process's code, and so the list of migrations, does not change."""
    global _applied
    if not _applied:
        await database.run(_check_migrations)
        _applied = True


def _check_migrations() -> None:
    executor = MigrationExecutor(connection)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(plan)} migrations are not applied, the first is {plan[0][0]}")
