"""Whoever follows a topic hears all that is published there, and nobody else does."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from accounts.actions import rename
from accounts.queries import person
from realtime import database
from realtime.hub import hubs
from realtime.link import LayerLink
from realtime.testing import TIMEOUT
from tests.cast import Cast
from tests.sockets import Socket
from tests.topics import (
    T,
    ask,
    at_topics,
    heard,
    offsets,
    publish,
    refused,
    subscribe,
)
from topics import actions
from topics.names import topic_group
from topics.store import MemoryTopics

pytestmark = pytest.mark.usefixtures("store")


async def test_a_subscriber_hears_what_is_published(cast: Cast, owner: Socket) -> None:
    async with at_topics(cast.guest) as guest:
        answer = await subscribe(owner, ref="r")
        epoch = answer.pop("epoch")
        assert epoch
        assert answer == {"type": "subscribed", "ref": "r", "topic": T, "offset": 0}
        await guest.send(type="publish", topic=T, data={"eur": [1, None, "é"]}, ref="p")
        assert await guest.until("published") == {
            "type": "published",
            "ref": "p",
            "topic": T,
            "offset": 1,
        }
        frame = await owner.until("publication")
        assert frame.pop("timestamp").endswith("Z")
        assert frame == {
            "type": "publication",
            "topic": T,
            "data": {"eur": [1, None, "é"]},
            "from": {"id": str(cast.guest.pk), "name": "Guest", "guest": True},
            "offset": 1,
        }
        assert [frame["type"] for frame in guest.frames] == ["welcome", "published"]


async def test_the_welcome_says_who_one_is(cast: Cast, owner: Socket) -> None:
    assert owner.welcome.pop("connection_id")
    assert owner.welcome == {
        "type": "welcome",
        "you": {"id": str(cast.owner.pk), "name": "Owner"},
        "protocol": 1,
    }


async def test_the_publisher_hears_its_own_if_it_subscribed(owner: Socket) -> None:
    assert await publish(owner) == 1
    await subscribe(owner)
    await publish(owner, "mine")
    assert await heard(owner, 2) == [2]


async def test_topics_are_counted_and_heard_apart(cast: Cast, owner: Socket) -> None:
    await subscribe(owner, "a")
    await subscribe(owner, "b")
    async with at_topics(cast.member) as member:
        for topic in ("a", "b", "a", "c"):
            await publish(member, topic=topic)
    assert await heard(owner, 2, "a") == [1, 2]
    assert await heard(owner, 1, "b") == [1]
    assert offsets(owner, "c") == []


async def test_names_that_differ_in_case_are_different_topics(owner: Socket) -> None:
    await subscribe(owner, "a")
    await publish(owner, topic="A")
    assert "publication" not in {frame["type"] for frame in await owner.quiet()}


async def test_after_unsubscribing_one_hears_no_more(owner: Socket) -> None:
    await subscribe(owner)
    answer = await ask(owner, "unsubscribe", "unsubscribed", topic=T, ref="u")
    assert answer == {"type": "unsubscribed", "ref": "u", "topic": T}
    await publish(owner)
    await owner.quiet()
    assert offsets(owner) == []
    assert (await ask(owner, "unsubscribe", "unsubscribed", topic=T))["topic"] == T


async def test_all_hear_all_in_order_whoever_publishes(cast: Cast) -> None:
    async with AsyncExitStack() as stack:
        people = (cast.owner, cast.member, cast.guest)
        sockets = [await stack.enter_async_context(at_topics(user)) for user in people]
        for socket in sockets:
            await subscribe(socket)

        async def talk(socket: Socket) -> list[int]:
            for number in range(20):
                await socket.send(type="publish", topic=T, data=number)
            return await heard(socket, 60)

        runs = await asyncio.gather(*map(talk, sockets))
    assert runs == [list(range(1, 61))] * 3


async def test_a_new_name_is_told_from_then_on(cast: Cast, owner: Socket) -> None:
    await subscribe(owner)
    await database.run(rename, user=cast.owner, name="Anew")
    await owner.quiet()
    await owner.send(type="publish", topic=T, data=1)
    assert (await owner.until("publication"))["from"]["name"] == "Anew"


async def test_what_the_site_itself_publishes_is_heard(cast: Cast, owner: Socket) -> None:
    await subscribe(owner)
    by = await database.run(person, cast.staff)
    await asyncio.to_thread(actions.publish, topic=T, data=1, by=by)
    assert (await owner.until("publication"))["from"]["name"] == "Staff"


# --- strangers ---


async def test_who_is_not_signed_in_is_closed_with_4401(cast: Cast) -> None:
    async with at_topics(None) as socket:
        assert socket.frames[0]["code"] == "not_signed_in"
        assert await socket.closed() == 4401


async def test_one_follows_ones_own_topic_and_hears_staff(cast: Cast, owner: Socket) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    await subscribe(owner, topic)
    async with at_topics(cast.staff) as staff:
        assert await publish(staff, "for you", topic) == 1
    assert (await owner.until("publication"))["data"] == "for you"


async def test_no_other_follows_it(cast: Cast, owner: Socket) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    await subscribe(owner, topic)
    for user in (cast.stranger, cast.guest, cast.staff):
        async with at_topics(user) as socket:
            error = await refused(socket, type="subscribe", topic=topic, ref="s", after=0)
            assert (error["code"], error["topic"], error["ref"]) == ("forbidden", topic, "s")
            async with at_topics(cast.staff) as staff:
                await publish(staff, topic=topic)
            assert await socket.quiet() == []
    assert hubs.get().group(topic_group(topic))
    assert await heard(owner, 3, topic) == [1, 2, 3]


async def test_only_staff_publish_there(cast: Cast, store: MemoryTopics) -> None:
    topic = f"user:{cast.owner.pk}:inbox"
    for user in (cast.owner, cast.stranger, cast.guest):
        async with at_topics(user) as socket:
            error = await refused(socket, type="publish", topic=topic, data=1, ref="p")
            assert (error["code"], error["topic"], error["ref"]) == ("forbidden", topic, "p")
    assert not store._topics


# --- leaving ---


async def test_a_socket_that_left_is_followed_no_more(cast: Cast) -> None:
    async with at_topics(cast.owner) as socket:
        await subscribe(socket, "a")
        await subscribe(socket, "b")
        groups = [hubs.get().group(topic_group(topic)) for topic in "ab"]
        assert all(group and not group.empty for group in groups)
    assert all(group and group.empty for group in groups)


async def test_a_socket_that_ends_while_subscribing_leaves_nothing(
    cast: Cast, store: MemoryTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with at_topics(cast.owner) as socket:
        hub, joined = hubs.get(), asyncio.Event()
        join = hub.join

        def joining(*args: Any) -> Any:
            joined.set()
            return join(*args)

        monkeypatch.setattr(hub, "join", joining)
        store._lock.acquire()
        await socket.send(type="subscribe", topic=T)
        await asyncio.wait_for(joined.wait(), TIMEOUT)
        group = hub.group(topic_group(T))
        assert group
        assert not group.empty
        asyncio.get_running_loop().call_later(0.05, store._lock.release)
    assert group.empty


async def test_the_layer_is_left_when_the_last_subscriber_is_gone(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = asyncio.Event()
    monkeypatch.setattr("realtime.hub.LINGER", 0.0)
    monkeypatch.setattr(LayerLink, "unsubscribe", lambda *_: gone.set())
    async with at_topics(cast.owner) as socket:
        await subscribe(socket)
    await asyncio.wait_for(gone.wait(), TIMEOUT)
    assert hubs.get().group(topic_group(T)) is None
