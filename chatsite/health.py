"""`/healthz`: the process is alive. `/readyz`: it can serve; if not, which part fails.

In front of everything else: a load balancer asks by address, over plain HTTP, and is not to be
redirected or refused for the host it names.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asgiref.sync import async_to_sync, iscoroutinefunction, markcoroutinefunction, sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed, JsonResponse

logger = structlog.get_logger(__name__)

CHECK_TIMEOUT = 2.0  # seconds; load balancers give up at 5 or so
RESEND_AFTER = 0.1  # seconds

Respond = Callable[[HttpRequest], Any]
Check = Callable[[], Awaitable[None]]


class NotReady(Exception):
    pass


class HealthMiddleware:
    sync_capable = async_capable = True

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response
        self._async = iscoroutinefunction(get_response)
        if self._async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        answer = ANSWERS.get(request.path_info)
        if answer is None:
            return self.get_response(request)
        respond = _answer if self._async else async_to_sync(_answer)
        return respond(request, answer)


async def _answer(
    request: HttpRequest, answer: Callable[[], Awaitable[HttpResponseBase]]
) -> HttpResponseBase:
    response: HttpResponseBase
    if request.method in {"GET", "HEAD"}:
        response = await answer()
    else:
        response = HttpResponseNotAllowed(["GET", "HEAD"])
    response.headers["Cache-Control"] = "no-store"
    return response


async def alive() -> JsonResponse:
    return JsonResponse({"status": "ok"})


async def ready() -> JsonResponse:
    failed = await _failed({"database": database_answers, "layer": layer_carries})
    if "database" not in failed:
        failed += await _failed({"migrations": migrations_are_applied})
    if failed:
        return JsonResponse({"status": "unavailable", "failed": failed}, status=503)
    return JsonResponse({"status": "ok"})


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
    await sync_to_async(_select_one)()


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def layer_carries() -> None:
    """A message to oneself, there and back. The layer within the process has nowhere to fail."""
    if not settings.REDIS_URL:
        return
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
        await sync_to_async(_check_migrations)()
        _applied = True


def _check_migrations() -> None:
    executor = MigrationExecutor(connection)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotReady(f"{len(plan)} migrations are not applied, the first is {plan[0][0]}")
