"""The client for tests, and that its manual runs as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest

from accounts import tokens
from chatsite.asgi import application
from notifications.consumers import NotificationConsumer
from realtime.database import run
from realtime.echo import EchoConsumer
from realtime.frames import Person
from realtime.testing import Closed, connected
from tests.cast import Cast

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs/testing.md").read_text(), re.DOTALL)
PATH = "/ws/notifications/"

pytestmark = pytest.mark.django_db(transaction=True)
app = NotificationConsumer.as_asgi()


async def test_the_example_in_the_manual_passes(django_user_model: Any) -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[0], names)  # noqa: S102 - our own manual
    await names["test_whoever_ordered_hears_that_it_was_shipped"](django_user_model)


def test_the_services_in_the_manual_are_taken() -> None:
    names: dict[str, Any] = {}
    exec(EXAMPLES[1], names)  # noqa: S102 - our own manual
    consumer = names["app"]
    assert consumer.consumer_class(**consumer.consumer_initkwargs).clock() >= 0


async def test_a_user_is_named_by_their_username_or_as_was_said(cast: Cast) -> None:
    async with connected(app, PATH, user=cast.owner) as socket:
        assert socket.welcome["you"] == {"id": str(cast.owner.pk), "name": "owner"}
    person = Person(id=str(cast.owner.pk), name="Queen")
    async with connected(app, PATH, user=cast.owner, person=person) as socket:
        assert socket.welcome["you"]["name"] == "Queen"


async def test_without_a_user_nobody_shows_a_credential() -> None:
    async with connected(app, PATH) as socket:
        assert socket.welcome == {}
        assert await socket.closed() == 4401


async def test_the_whole_stack_authenticates_by_itself(cast: Cast) -> None:
    pair = await run(tokens.issue, cast.member)
    bearer = {"Host": "testserver", "Authorization": f"Bearer {pair.access}"}
    async with connected(application, PATH, headers=bearer) as socket:
        assert socket.welcome["you"]["name"] == "Member"


async def test_what_is_no_frame_is_handed_over_as_it_is() -> None:
    async with connected(EchoConsumer.as_asgi(), "/ws/echo/") as socket:
        await socket.send_text('"hi"')
        said = f'Echo from {socket.welcome["connection_id"]}: "hi"'
        assert await socket.next() == {"type": "text", "data": said}
        await socket.send_bytes(b"\xff{}")
        assert await socket.until("bytes") == {"type": "bytes", "data": b"\xff{}"}
        assert len(socket.frames) == 3


async def test_a_close_while_something_else_is_awaited_fails(cast: Cast) -> None:
    async with connected(app, PATH) as socket:
        with pytest.raises(Closed) as caught:
            await socket.until("notification")
        assert caught.value.code == 4401


async def test_a_foreign_page_is_told_apart() -> None:
    headers = {"Host": "testserver", "Origin": "http://evil.example"}
    with pytest.raises(AssertionError, match="403"):
        async with connected(application, PATH, headers=headers):
            pass
