"""`/ws/echo/`, through the whole stack but the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from accounts import api_keys
from chatsite.asgi import application
from realtime.frames import MAX_FRAME_BYTES
from realtime.hub import hubs
from realtime.testing import TIMEOUT
from tests.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@asynccontextmanager
async def echo(path: str = "/ws/echo/", **headers: str) -> AsyncIterator[WebsocketCommunicator]:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    socket = WebsocketCommunicator(application, path, headers=given)
    assert (await socket.connect(timeout=TIMEOUT))[0]
    try:
        yield socket
    finally:
        await socket.disconnect(timeout=TIMEOUT)


async def welcomed(socket: WebsocketCommunicator) -> str:
    welcome: dict[str, Any] = await socket.receive_json_from(timeout=TIMEOUT)
    assert welcome.keys() == {"type", "connection_id"}
    assert welcome["type"] == "welcome"
    return str(welcome["connection_id"])


async def answers(socket: WebsocketCommunicator) -> dict[str, Any]:
    output: dict[str, Any] = await socket.receive_output(timeout=TIMEOUT)
    return output


TEXTS = ["hello", "", "{", '{"type":"ping"}', '{"type":"nothing"}', "NaN", "\x00", "é😀\u202e", "["]


async def test_text_comes_back_named_and_nothing_is_parsed() -> None:
    async with echo() as socket:
        connection_id = await welcomed(socket)
        for text in TEXTS * 5:
            await socket.send_input({"type": "websocket.receive", "text": text})
            said = await socket.receive_from(timeout=TIMEOUT)
            assert said == f"Echo from {connection_id}: {text}"


@pytest.mark.parametrize("data", [b"\x00", b"\xff\xfe", bytes(range(256)) * 256, b""])
async def test_binary_comes_back_unchanged(data: bytes) -> None:
    async with echo() as socket:
        await welcomed(socket)
        await socket.send_input({"type": "websocket.receive", "bytes": data})
        assert await answers(socket) == {"type": "websocket.send", "bytes": data}


@pytest.mark.parametrize(
    "frame",
    [
        {"text": "x" * (MAX_FRAME_BYTES + 1)},
        {"text": "é" * (MAX_FRAME_BYTES // 2 + 1)},
        {"bytes": b"x" * (MAX_FRAME_BYTES + 1)},
    ],
)
async def test_a_frame_over_64_kib_is_closed_with_4413(frame: dict[str, Any]) -> None:
    async with echo() as socket:
        await welcomed(socket)
        await socket.send_input({"type": "websocket.receive", **frame})
        assert msgspec.json.decode((await answers(socket))["text"])["code"] == "too_long"
        assert (await answers(socket))["code"] == 4413


@pytest.mark.parametrize("path", ["/ws/echo/", "/ws/nowhere/"])
@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer nonsense"},
        {"x-api-key": "nonsense"},
        {"cookie": "sessionid=without-an-origin"},
    ],
)
async def test_a_bad_credential_is_refused_though_none_is_needed(
    headers: dict[str, str], path: str
) -> None:
    async with echo(path, **headers) as socket:
        assert msgspec.json.decode((await answers(socket))["text"])["code"] == "not_signed_in"
        assert (await answers(socket))["code"] == 4401


@pytest.mark.parametrize("scopes", [["orders:write"], []])
async def test_an_api_key_gets_in_whatever_it_is_for(cast: Cast, scopes: list[str]) -> None:
    key = await sync_to_async(api_keys.issue)(user=cast.owner, name="Key", scopes=scopes)
    async with echo(**{"x-api-key": key.text}) as socket:
        await welcomed(socket)


async def test_a_foreign_page_does_not_get_in() -> None:
    headers = [(b"host", b"localhost"), (b"origin", b"https://elsewhere.example")]
    socket = WebsocketCommunicator(application, "/ws/echo/", headers=headers)
    assert not (await socket.connect(timeout=TIMEOUT))[0]


async def test_nothing_is_left_of_an_echo_that_went() -> None:
    async with echo() as socket:
        await welcomed(socket)
        assert len(hubs.get().sockets) == 1
    assert not hubs.get().sockets
