"""Who comes into a room, and what an API key is for there."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async

from accounts.queries import person
from realtime.credentials import Credential
from tests.cast import Cast
from tests.sockets import in_room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("who", "slug", "enters"),
    [
        ("member", "private", True),
        ("stranger", "private", False),
        ("guest", "private", False),
        ("staff", "private", False),
        ("stranger", "public", True),
        ("guest", "public", False),
        ("guest", "open", True),
        ("stranger", "open", True),
        ("member", "nowhere", False),
    ],
)
async def test_who_may_enter_which_room(cast: Cast, who: str, slug: str, enters: bool) -> None:
    async with in_room(slug, getattr(cast, who)) as socket:
        if enters:
            assert socket.welcome
        else:
            assert await socket.closed() == 4404


async def test_a_hidden_room_looks_like_none(cast: Cast) -> None:
    async with (
        in_room("private", cast.stranger) as hidden,
        in_room("nowhere", cast.stranger) as none,
    ):
        assert hidden.frames == none.frames
        assert await hidden.closed() == await none.closed() == 4404


async def test_nobody_enters_without_a_credential(cast: Cast) -> None:
    async with in_room("open", None) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await socket.closed() == 4401


async def test_a_bad_credential_is_refused(cast: Cast) -> None:
    async with in_room("open", cast.member, refused="The token has expired.") as socket:
        assert socket.frames[0]["message"] == "The token has expired."
        assert await socket.closed() == 4401


async def test_any_other_path_is_closed_with_4404(cast: Cast) -> None:
    async with in_room("a/b", cast.member) as socket:
        assert await socket.closed() == 4404


# --- API keys ---


def with_scopes(user: Any, *scopes: str) -> Any:
    return Credential(user=user, person=person(user), kind="api-key", scopes=frozenset(scopes))


@pytest.mark.parametrize("scopes", [[], ["rooms:post"], ["topics:subscribe", "orders:write"]])
async def test_a_key_that_is_not_for_reading_opens_no_room(cast: Cast, scopes: list[str]) -> None:
    key = await sync_to_async(with_scopes)(cast.member, *scopes)
    async with in_room("open", None, credential=key) as socket:
        assert socket.frames[0]["code"] == "forbidden"
        assert await socket.closed() == 4403


async def test_a_key_for_reading_posts_nothing(cast: Cast) -> None:
    key = await sync_to_async(with_scopes)(cast.member, "rooms:read")
    async with in_room("open", None, credential=key) as socket:
        for frame in (
            {"type": "message", "text": "a", "client_id": "1"},
            {"type": "typing"},
            {"type": "event", "name": "e", "data": 1},
            {"type": "set-name", "name": "Other"},
        ):
            await socket.send(**frame, ref="r")
            error = await socket.until("error")
            assert (error["code"], error["ref"]) == ("forbidden", "r")
            assert error.get("client_id") == frame.get("client_id")
        await socket.send(type="history", after=0, limit=5)
        assert (await socket.until("history"))["events"]
        await socket.quiet()


async def test_a_key_for_posting_posts_as_its_user_and_does_not_rename_them(cast: Cast) -> None:
    key = await sync_to_async(with_scopes)(cast.member, "rooms:read", "rooms:post")
    async with in_room("open", None, credential=key) as socket:
        await socket.send(type="message", text="a", client_id="1")
        assert (await socket.until("message"))["from"]["id"] == str(cast.member.pk)
        await socket.send(type="set-name", name="Other")
        assert (await socket.until("error"))["code"] == "forbidden"


async def test_a_key_does_not_open_a_room_that_its_user_may_not_know(cast: Cast) -> None:
    key = await sync_to_async(with_scopes)(cast.stranger, "rooms:read", "rooms:post")
    async with in_room("private", None, credential=key) as socket:
        assert await socket.closed() == 4404
