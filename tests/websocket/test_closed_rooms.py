"""A room that is closed to some, or deleted, while they are in it."""

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from chat import actions
from tests.cast import Cast, make_user
from tests.sockets import Socket, in_room

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("by_word_alone")]


@pytest.fixture
def admin(cast: Cast) -> Client:
    client = Client()
    root = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def saved(**fields: str) -> Callable[[Client, Cast], Any]:
    return lambda admin, cast: admin.post(
        f"/admin/chat/room/{cast.open_room.pk}/change/",
        {"name": "Open", "topic": "", "visibility": "public", **fields},
    )


def deleted(admin: Client, cast: Cast) -> Any:
    return admin.post(f"/admin/chat/room/{cast.open_room.pk}/delete/", {"post": "yes"})


def deleted_from_the_list(admin: Client, cast: Cast) -> Any:
    which = {"action": "delete_selected", "_selected_action": [cast.open_room.pk], "post": "yes"}
    return admin.post("/admin/chat/room/", which)


CLOSINGS: dict[str, tuple[Callable[[Client, Cast], Any], set[str]]] = {
    "made private": (saved(visibility="private"), {"stranger", "guest"}),
    "closed to guests": (saved(), {"guest"}),
    "deleted": (deleted, {"member", "stranger", "guest"}),
    "deleted from the list": (deleted_from_the_list, {"member", "stranger", "guest"}),
}


async def is_put_out(socket: Socket) -> None:
    assert (await socket.until("error"))["code"] == "forbidden"
    assert await socket.closed() == 4403


@pytest.mark.parametrize("closing", CLOSINGS)
async def test_those_who_may_not_be_there_any_more_are_put_out_at_once(
    cast: Cast, admin: Client, closing: str
) -> None:
    close, out = CLOSINGS[closing]
    async with (
        in_room("open", cast.member) as member,
        in_room("open", cast.stranger) as stranger,
        in_room("open", cast.guest) as guest,
    ):
        answer = await sync_to_async(close)(admin, cast)
        assert answer.status_code == 302
        sockets = {"member": member, "stranger": stranger, "guest": guest}
        for who in out:
            await is_put_out(sockets[who])
        for who in sockets.keys() - out:
            await sockets[who].send(type="message", text="hi", client_id=who)
            await sockets[who].until("sent")


async def test_a_post_that_comes_before_the_word_is_refused(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "recheck_everybody_on_commit", lambda: None)
    async with in_room("open", cast.stranger) as stranger, in_room("open", cast.owner) as owner:
        await sync_to_async(actions.change_room)(
            room=cast.open_room, by=cast.owner, visibility="private"
        )
        await stranger.send(type="message", text="hi", client_id="1")
        assert (await stranger.until("error"))["code"] == "not_found"
        await owner.send(type="message", text="hi", client_id="1")
        await owner.until("sent")
