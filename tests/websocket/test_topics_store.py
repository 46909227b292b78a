"""What the store keeps, loses or cannot be asked for, as its subscribers see it."""

import pytest

from realtime.hub import hubs
from tests.cast import Cast
from tests.sockets import Socket, connected
from tests.topics import (
    Away,
    T,
    ask,
    at_topics,
    heard,
    lose_all,
    offsets,
    publish,
    refused,
    subscribe,
)
from topics import backend
from topics.consumers import TopicConsumer
from topics.names import topic_group, topic_id
from topics.store import Limits, MemoryTopics

pytestmark = pytest.mark.usefixtures("by_hint_alone", "store")


def unheard(store: MemoryTopics, times: int = 1) -> None:
    """Publications of which the hub gets no hint."""
    for _ in range(times):
        store.publish(T, b'{"type":"publication","topic":"prices","data":0,"offset":')


# --- hints are lost ---


async def test_a_gap_is_filled_from_the_store(store: MemoryTopics, owner: Socket) -> None:
    await subscribe(owner)
    unheard(store, 3)
    await publish(owner)
    assert await heard(owner, 4) == [1, 2, 3, 4]


async def test_a_lost_hint_at_the_end_is_found_by_its_head(
    store: MemoryTopics, owner: Socket
) -> None:
    await subscribe(owner)
    unheard(store, 2)
    hubs.get()._check_all_soon()
    assert await heard(owner, 2) == [1, 2]


async def test_who_falls_behind_what_is_kept_is_told_and_goes_on(
    store: MemoryTopics, owner: Socket
) -> None:
    epoch = (await subscribe(owner))["epoch"]
    unheard(store, 120)
    await publish(owner)
    assert await owner.until("subscribed") == {
        "type": "subscribed",
        "topic": T,
        "offset": 121,
        "epoch": epoch,
        "recovered": False,
    }
    await publish(owner)
    assert await heard(owner, 122) == list(range(22, 123))


# --- the store lost all ---


async def test_subscribers_live_through_a_lost_store_and_are_told(
    store: MemoryTopics, cast: Cast, owner: Socket
) -> None:
    before = await subscribe(owner)
    for _ in range(3):
        await publish(owner)
    await heard(owner, 3)
    lose_all(store)
    await publish(owner)
    told = await owner.until("subscribed")
    assert (told["offset"], told["recovered"]) == (1, False)
    assert told["epoch"] != before["epoch"]
    await publish(owner)
    assert await heard(owner, 2) == [1, 2, 3, 1, 2]


async def test_who_comes_after_a_loss_is_with_those_who_were_there(
    store: MemoryTopics, cast: Cast, owner: Socket
) -> None:
    await subscribe(owner)
    await publish(owner)
    lose_all(store)
    async with at_topics(cast.member) as member:
        new = await subscribe(member)
        assert new["offset"] == 0
        await publish(member)
        told = await owner.until("subscribed")
        assert (told["offset"], told["epoch"], told["recovered"]) == (1, new["epoch"], False)
        assert await heard(member, 1) == [1]
    await owner.quiet()
    assert offsets(owner) == [1, 1]


# --- what is kept ---


async def test_to_follow_a_topic_is_not_to_make_it(
    store: MemoryTopics, cast: Cast, owner: Socket
) -> None:
    async with at_topics(cast.guest) as guest:
        for number in range(50):
            await subscribe(guest, f"t{number}")
            await ask(guest, "unsubscribe", "unsubscribed", topic=f"t{number}")
        assert not store._topics
        head = await subscribe(guest)
        assert (head["offset"], "recovered" in head) == (0, False)
        await publish(owner)
        publication = await guest.until("publication")
    assert publication["offset"] == 1
    assert (await subscribe(owner, after=0, epoch=head["epoch"]))["recovered"] is True
    assert not [frame for frame in guest.frames if frame.get("recovered") is False]


async def test_a_consumer_keeps_publications_where_it_is_told(
    store: MemoryTopics, cast: Cast
) -> None:
    own = MemoryTopics()
    async with connected(TopicConsumer.as_asgi(store=own), "/ws/topics/", cast.owner) as socket:
        await publish(socket)
        assert (await subscribe(socket, after=0))["recovered"] is True
        assert await heard(socket, 1) == [1]
    assert list(own._topics) == [topic_id(T)]
    assert not store._topics


async def test_all_guests_have_one_share_of_the_store_and_each_person_one(
    store: MemoryTopics, cast: Cast, owner: Socket
) -> None:
    async with at_topics(cast.guest) as guest, at_topics(cast.staff) as staff:
        await publish(guest, topic="a")
        await publish(staff, topic="user:1:orders")
        await publish(owner, topic="b")
    shares = [topic.share for topic in store._topics.values()]
    assert shares == ["guests", str(cast.staff.pk), str(cast.owner.pk)]


async def test_a_topic_that_is_followed_is_used_and_does_not_expire(
    store: MemoryTopics, owner: Socket
) -> None:
    store._limits = Limits(topics=2)
    unheard(store, 1)
    epoch = (await subscribe(owner))["epoch"]
    for topic in "abc":
        store.heads([topic_id(T)])  # as hubs do every 5 s
        store.publish(topic, b"{")
    assert set(store._topics) == {topic_id(T), topic_id("c")}
    assert (await subscribe(owner))["epoch"] == epoch


# --- the store is away ---


async def test_while_the_store_is_away_frames_are_unavailable_and_sockets_live(
    store: MemoryTopics, owner: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await subscribe(owner)
    with monkeypatch.context() as patch:
        patch.setattr(backend, "_store", lambda _: Away())
        for frame in (
            {"type": "publish", "topic": T, "data": 1},
            {"type": "subscribe", "topic": "other"},
        ):
            error = await refused(owner, **frame, ref="r")
            assert (error["code"], error["retry_after"]) == ("unavailable", 2.0)
            assert (error["topic"], error["ref"]) == (frame["topic"], "r")
        hubs.get()._check_all_soon()
        await owner.quiet()
    await publish(owner)
    assert await heard(owner, 1) == [1]
    await publish(owner, topic="other")
    assert offsets(owner, "other") == []
    group = hubs.get().group(topic_group("other"))
    assert group is None or group.empty, "a subscription fails as a whole"


async def test_a_store_that_hangs_is_away_in_time(
    store: MemoryTopics, owner: Socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend, "PATIENCE", 0.05)
    with store._lock:
        error = await refused(owner, type="publish", topic=T, data=1)
        assert (error["code"], error["topic"]) == ("unavailable", T)
        assert await owner.quiet() == []
