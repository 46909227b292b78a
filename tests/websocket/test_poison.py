"""The poison list of the contract, on every path: 19 are answered, and the 20th is the last."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from notifications.consumers import NotificationConsumer
from ops.consumers import OpsConsumer
from tests.cast import Cast
from tests.poison import POISON
from tests.sockets import connected, router
from topics.consumers import TopicConsumer

BORNE = 19
PATHS: dict[str, tuple[str, Callable[[], Any]]] = {
    "chat": ("/ws/chat/open/", lambda: router),
    "notifications": ("/ws/notifications/", NotificationConsumer.as_asgi),
    "topics": ("/ws/topics/", TopicConsumer.as_asgi),
    "ops": ("/ws/ops/", OpsConsumer.as_asgi),
}


def batches() -> Iterator[list[str]]:
    texts = itertools.cycle(filter(None, POISON.values()))  # Channels' client sends no empty one
    for _ in range(0, len(POISON), BORNE):
        yield list(itertools.islice(texts, BORNE + 1))


@pytest.mark.parametrize("path", PATHS)
async def test_poison_is_answered_and_the_twentieth_is_the_last(
    cast: Cast, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    address, application = PATHS[path]
    for *borne, last in batches():
        async with connected(application(), address, cast.staff) as socket:
            for text in borne:
                await socket.send_text(text)
                error = await socket.until("error")
                assert error["code"] in {"bad_frame", "unknown_type"}, text
            await socket.send(type="ping", ref="alive")
            await socket.until("pong", ref="alive")
            await socket.send_text(last)
            assert await socket.closed() == 4400
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
