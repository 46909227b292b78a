"""The base of all socket consumers: what becomes of exceptions, credentials and frames."""

import asyncio
import itertools
import time
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import structlog
from channels.testing import WebsocketCommunicator
from django.db import InterfaceError, OperationalError

from realtime import consumer as module
from realtime import testing
from realtime.close_codes import CloseCode, ErrorCode
from realtime.credentials import Credential
from realtime.errors import FrameError, Refused
from realtime.hub import hubs
from realtime.limit_store import Rate
from tests.consumers import Consumer, Do, connected, consumer, credential, raising, welcomed


@pytest.fixture
def logs() -> Any:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as entries:
        yield entries


# --- services ---


class Slow:
    """A limit of one frame in a hundred seconds."""

    rate = Rate(100.0, 0.0)


async def test_services_are_what_the_application_was_given() -> None:
    heard: list[str] = []
    logger = SimpleNamespace(error=lambda event, **_: heard.append(event))
    services = {"logger": logger, "clock": lambda: 7.0, "frame_limit": Slow}
    kind = consumer(doing=raising(RuntimeError("secret")))
    async with welcomed(kind, services=services) as socket:
        await socket.send(type="do-it")
        assert (await socket.until("error"))["code"] == "internal"
        await socket.send(type="ping")
        refused = await socket.until("error")
    assert (refused["code"], refused["retry_after"]) == ("rate_limited", 100.001)
    assert heard == ["handler_failed"]


# --- exceptions ---


async def test_an_exception_in_a_handler_is_logged_and_answered_and_the_socket_lives(
    logs: list[Any],
) -> None:
    error = LookupError("secret")
    async with welcomed(consumer(doing=raising(error))) as socket:
        await socket.send(type="do-it", ref="r", client_id="c")
        answer = await socket.until("error")
        assert (answer["code"], answer["ref"], answer["client_id"]) == ("internal", "r", "c")
        assert "secret" not in msgspec.json.encode(answer).decode()
        await socket.send(type="ping")
        await socket.until("pong")
    (entry,) = [entry for entry in logs if entry["event"] == "handler_failed"]
    assert entry["exc_info"] is error
    assert entry["connection_id"] == socket.welcome["connection_id"]
    assert (entry["path"], entry["user"]) == ("/ws/test/", "7")


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("away")])
async def test_a_database_that_is_away_is_unavailable_and_not_a_fault(
    logs: list[Any], error: Exception
) -> None:
    async with welcomed(consumer(doing=raising(error))) as socket:
        await socket.send(type="do-it")
        answer = await socket.until("error")
        assert (answer["code"], answer["retry_after"]) == ("unavailable", module.RETRY_AFTER)
    assert [entry["event"] for entry in logs] == ["database_away"]


async def test_a_refused_frame_is_answered_and_logged_nowhere(logs: list[Any]) -> None:
    refusal = FrameError(ErrorCode.CONFLICT, "No.", retry_after=1.5)
    async with welcomed(consumer(doing=raising(refusal))) as socket:
        await socket.send(type="do-it", ref="r")
        assert await socket.until("error") == {
            "type": "error", "ref": "r", "code": "conflict", "message": "No.", "client_id": "",
            "retry_after": 1.5,
        }  # fmt: skip
    assert logs == []


async def test_a_handler_may_end_the_socket() -> None:
    kind = consumer(doing=raising(Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "Out.")))
    async with welcomed(kind) as socket:
        await socket.send(type="do-it")
        assert (await socket.until("error"))["message"] == "Out."
        assert await socket.closed() == 4403
    assert kind.left == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (LookupError("secret"), "internal"),
        (OperationalError("away"), "unavailable"),
        (FrameError(ErrorCode.CONFLICT, "No."), "conflict"),
    ],
)
async def test_who_cannot_be_let_in_is_told_and_closed_with_4503(
    error: Exception, code: str, logs: list[Any]
) -> None:
    kind = consumer(entering=raising(error))
    async with connected(kind) as socket:
        answer = await socket.next()
        assert (answer["type"], answer["code"]) == ("error", code)
        assert answer["retry_after"] > 0
        assert await socket.closed() == 4503
    assert kind.left == 1


async def test_a_restart_says_when_to_come_back() -> None:
    async with welcomed(Consumer) as socket:
        (consumer,) = hubs.get().sockets
        consumer.restart(3.0)
        assert await socket.next() == {"type": "closing", "code": 4503, "retry_after": 3.0}
        assert await socket.closed() == 4503


# --- leaving ---


async def test_leaving_is_called_once_when_the_client_goes() -> None:
    kind = consumer()
    async with welcomed(kind):
        assert len(hubs.get().sockets) == 1
    assert kind.left == 1
    assert not hubs.get().sockets


async def test_leaving_is_called_when_entering_is_cut_off() -> None:
    async def forever(_: Consumer) -> None:
        await asyncio.Event().wait()

    kind = consumer(entering=forever)
    communicator = WebsocketCommunicator(kind.as_asgi(), "/ws/test/")
    communicator.scope["credential"] = credential()
    await communicator.connect(timeout=testing.TIMEOUT)
    communicator.future.cancel()
    await asyncio.gather(communicator.future, return_exceptions=True)
    assert communicator.future.cancelled()
    assert kind.left == 1
    assert not hubs.get().sockets
    assert not hubs.get().switchboard._listeners


async def test_leaving_that_fails_is_logged_and_leaves_nothing_behind(logs: list[Any]) -> None:
    kind = consumer(leaving=raising(LookupError()))
    async with welcomed(kind):
        pass
    assert [entry["event"] for entry in logs] == ["leave_failed"]
    assert not hubs.get().sockets


async def test_who_was_never_let_in_leaves_too() -> None:
    kind = consumer()
    async with connected(kind, refused="The token has expired.") as socket:
        assert (await socket.next())["code"] == "not_signed_in"
        assert await socket.closed() == 4401
    assert kind.left == 1


# --- credentials ---


async def test_a_socket_ends_with_its_credential() -> None:
    async with welcomed(Consumer, given=credential(expires=time.time() + 0.1)) as socket:
        answer = await socket.until("error")
        assert (answer["code"], answer["message"]) == (
            "not_signed_in",
            "The credential has expired.",
        )
        assert await socket.closed() == 4401


async def test_a_credential_that_has_expired_already_ends_it_at_once() -> None:
    async with connected(Consumer, given=credential(expires=time.time() - 5)) as socket:
        assert await socket.closed() == 4401


async def test_a_refresh_puts_the_end_off() -> None:
    later = time.time() + 3600

    async def refresh(access: str) -> Credential:
        assert access == "new"
        return credential(expires=later)

    given = credential(expires=time.time() + 60, refresh=refresh)
    async with welcomed(Consumer, given=given) as socket:
        (serving,) = hubs.get().sockets
        first = serving._expiry  # type: ignore[attr-defined]
        await socket.send(type="refresh", access="new", ref="r")
        answer = await socket.until("refreshed")
        assert answer["ref"] == "r"
        assert datetime.fromisoformat(answer["expires"]).timestamp() == pytest.approx(later, abs=1)
        assert first.cancelled()
        now = asyncio.get_running_loop().time()
        assert serving._expiry.when() - now == pytest.approx(3600, abs=60)  # type: ignore[attr-defined]


async def test_anothers_token_is_refused_and_the_socket_ends_when_it_would_have() -> None:
    async def refresh(_: str) -> Credential:
        raise FrameError(ErrorCode.FORBIDDEN, "The token is another person's.")

    given = credential(expires=time.time() + 3600, refresh=refresh)
    async with welcomed(Consumer, given=given) as socket:
        (serving,) = hubs.get().sockets
        ending = serving._expiry  # type: ignore[attr-defined]
        await socket.send(type="refresh", access="another's", ref="r")
        answer = await socket.until("error")
        assert (answer["code"], answer["ref"]) == ("forbidden", "r")
        assert serving._expiry is ending  # type: ignore[attr-defined]
        assert not ending.cancelled()


async def test_what_does_not_expire_cannot_be_refreshed() -> None:
    async with welcomed(Consumer) as socket:
        await socket.send(type="refresh", access="x")
        assert (await socket.until("error"))["code"] == "unsupported"


async def test_the_expiry_of_a_socket_that_is_gone_concerns_nobody() -> None:
    given = credential(expires=time.time() + 3600)
    async with welcomed(Consumer, given=given):
        (consumer,) = hubs.get().sockets
    assert consumer._expiry.cancelled()  # type: ignore[attr-defined]


# --- frames ---


async def test_no_more_than_64_frames_of_a_socket_are_under_way() -> None:
    begun: list[int] = []

    async def doing(self: Consumer) -> None:
        await self.begin()
        begun.append(1)

    async with welcomed(consumer(doing=doing)) as socket:
        (busy,) = hubs.get().sockets
        for _ in range(100):
            await socket.send(type="do-it")
        async with asyncio.timeout(60):
            while len(begun) < module.BACKGROUND_LIMIT:  # noqa: ASYNC110 - by the consumer
                await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(begun) == module.BACKGROUND_LIMIT == 64
        for _ in range(36):
            busy.finish(Do())  # type: ignore[attr-defined]
        await socket.quiet()
        assert len(begun) == 100


async def test_what_fails_later_is_answered_and_logged_like_the_rest(logs: list[Any]) -> None:
    async def doing(self: Consumer) -> None:
        await self.begin()

    async with welcomed(consumer(doing=doing)) as socket:
        await socket.send(type="do-it")
        await socket.quiet()
        (busy,) = hubs.get().sockets
        busy.finish(Do(ref="r", client_id="c"), LookupError())  # type: ignore[attr-defined]
        answer = await socket.until("error")
        assert (answer["code"], answer["ref"], answer["client_id"]) == ("internal", "r", "c")
    assert [entry["connection_id"] for entry in logs] == [socket.welcome["connection_id"]]


async def test_bad_frames_that_are_seconds_apart_are_forgiven() -> None:
    clock = itertools.count(0.0, 4.0)
    async with welcomed(Consumer, services={"clock": lambda: next(clock)}) as socket:
        for _ in range(25):
            await socket.send_text("{")
        for _ in range(25):
            await socket.until("error")
        await socket.quiet()


async def test_no_frame_is_heard_after_the_end() -> None:
    done: list[int] = []

    async def doing(_: Consumer) -> None:
        done.append(1)

    async with welcomed(consumer(doing=doing)) as socket:
        (ended,) = hubs.get().sockets
        ended.end(Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "Out."))
        assert await socket.closed() == 4403
        await socket.send(type="do-it")
        for _ in range(20):
            await asyncio.sleep(0)
        assert done == []


async def test_a_client_that_reads_nothing_is_not_heard_after_the_end_either() -> None:
    done: list[int] = []

    async def doing(_: Consumer) -> None:
        done.append(1)

    frames: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    reading = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if message["type"] != "websocket.accept":
            await reading.wait()

    scope = {"type": "websocket", "path": "/", "credential": credential()}
    app = asyncio.create_task(consumer(doing=doing).as_asgi()(scope, frames.get, send))
    frames.put_nowait({"type": "websocket.connect"})
    async with asyncio.timeout(60):
        while not hubs.get().sockets:  # noqa: ASYNC110 - by the consumer's task
            await asyncio.sleep(0)
    (ended,) = hubs.get().sockets
    ended.end(Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "Out."))
    frames.put_nowait({"type": "websocket.receive", "text": '{"type":"do-it"}'})
    frames.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await app
    assert done == []
