"""Frames that nobody expects, to the consumers: each handler does its work or says why not."""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chat.consumers import RoomConsumer
from chatsite.routing import sockets
from notifications.actions import notify
from notifications.consumers import NotificationConsumer
from ops import consumers as ops
from ops.consumers import OpsConsumer
from realtime import database
from realtime.consumer import SocketConsumer
from realtime.frames import tag_of
from realtime.testing import Socket
from tests import odd
from tests.cast import Cast
from tests.sockets import connected, renewable
from topics.consumers import TopicConsumer

BORNE = 19  # bad frames, of one socket
FRAMES = 30_000  # to all paths; the decoders alone get the rest of a hundred thousand
EXAMPLES = 700  # of each path: a dozen frames come of one
PATHS: dict[str, type[SocketConsumer]] = {
    "/ws/chat/open/": RoomConsumer,
    "/ws/notifications/": NotificationConsumer,
    "/ws/topics/": TopicConsumer,
    "/ws/ops/": OpsConsumer,
}
BAD = {"bad_frame", "unknown_type"}
ENDS = {1000, 4403}  # `bye`, and what staff do to themselves


class Client:
    """Sends frame by frame, each to the end, over as many sockets as it takes."""

    def __init__(self, path: str, user: Any) -> None:
        self._path = path
        self._user = user
        self._open = AsyncExitStack()
        self._socket: Socket | None = None
        self._bad = 0
        self.sent = 0

    async def feed(self, texts: Iterable[str]) -> None:
        for text in texts:
            if self._socket is None or self._bad == BORNE:
                self._socket = await self._reopened()
            await self._socket.send_text(text)
            self.sent += 1
            await self._answered(self._socket, text)

    async def close(self) -> None:
        await self._open.aclose()
        self._socket, self._bad = None, 0

    async def _reopened(self) -> Socket:
        await self.close()
        given = {"credential": renewable(self._user), "connection_id": "own"}
        return await self._open.enter_async_context(
            connected(sockets, self._path, self._user, **given)
        )

    async def _answered(self, socket: Socket, text: str) -> None:
        await socket.send(type="ping", ref="the end")
        while (frame := await socket.next()).get("ref") != "the end":
            if frame["type"] == "close":
                assert "ops" in self._path, text
                assert frame["code"] in ENDS, text
                return await self.close()
            assert frame.get("code") != "internal", text
            self._bad += frame.get("code") in BAD
        return None


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The types of frames, of any path, that a handler was done with and did not refuse."""
    handled: set[str] = set()

    def noting(handler: Any) -> Any:
        async def note(consumer: Any, frame: Any) -> None:
            await handler(consumer, frame)
            handled.add(tag_of(frame))

        return note

    for consumer in PATHS.values():
        for tag in consumer.decoder.frames:
            name = "on_" + tag.replace("-", "_")
            monkeypatch.setattr(consumer, name, noting(getattr(consumer, name)))
    return handled


async def known_to(cast: Cast) -> dict[str, list[Any]]:
    """Values that lead somewhere."""
    notes = await database.run(notify, to=[cast.staff], kind="generic", title="T", message="M")
    return {
        "ids": [[notes[0].public_id]],
        "topic": ["prices", f"user:{cast.staff.pk}:x"],
        "user": [str(cast.guest.pk), str(cast.staff.pk)],
        "connection_id": ["own"],
    }


@pytest.mark.parametrize("path", PATHS)
async def test_every_handler_takes_odd_values_and_none_fails(
    cast: Cast,
    path: str,
    handled: set[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ops, "FIND_TIMEOUT", 0.005)
    decoder, client = PATHS[path].decoder, Client(path, cast.staff)
    frames = st.one_of(odd.frames(decoder, await known_to(cast)))
    loop = asyncio.get_running_loop()

    @given(frames, odd.values, odd.places, odd.bits)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def attempt(frame: dict[str, Any], value: Any, place: int, bit: str) -> None:
        mutations = filter(None, odd.mutations(frame, value, place, bit))
        texts = [odd.as_text(frame), *mutations]
        asyncio.run_coroutine_threadsafe(client.feed(texts), loop).result()

    await asyncio.to_thread(attempt)
    await client.close()
    assert handled == decoder.frames.keys()
    assert client.sent >= FRAMES / len(PATHS)
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
