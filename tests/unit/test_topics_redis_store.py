"""Topics in a real Redis are those of all processes, whatever it loses."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from soak.machine import free_port
from tests.topic_stores import ID, kept, publish
from tests.topics import T
from topics import backend, redis_store
from topics.errors import TopicsAway
from topics.redis_store import RedisTopics
from topics.store import Head, Kept, Limits, MemoryTopics


@pytest.fixture
def client(blocking_redis: Redis) -> Redis:
    return blocking_redis


def test_all_processes_see_one_topic(client: Redis) -> None:
    one, two = RedisTopics(), RedisTopics()
    assert publish(one, 1).offset == 1
    head = publish(two, 2)
    assert head.offset == 2
    assert publish(one, 3) == Head(head.epoch, 3)
    assert kept(two, head.epoch) == kept(one, head.epoch)


def test_a_redis_that_lost_all_begins_a_later_epoch(client: Redis) -> None:
    store = RedisTopics()
    before = publish(store, 1, 2)
    client.flushall()
    after = publish(store, 3)
    assert after.offset == 1
    assert after.epoch > before.seq
    assert kept(store, before.seq) == Kept(T, after, [b'{"n":3,"offset":1}'], lost=True)


def test_the_workers_clocks_do_not_count(client: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert RedisTopics().head(ID).epoch > 1.7e15


def test_a_topic_that_redis_evicted_begins_again_and_is_counted_right(client: Redis) -> None:
    store = RedisTopics(Limits(topics=2, total_bytes=1000))
    before = publish(store, *range(9))
    client.delete(redis_store.KEYS[2] + ID)
    assert store.read(ID, after=0) is None
    again = publish(store, 1)
    assert again.offset == 1
    assert again.epoch > before.seq
    publish(store, 1, topic="a")
    publish(store, 1, topic="b")  # the first gives way
    publish(store, 1, topic="c")
    assert store.heads([ID]) == {}
    assert client.zcard(redis_store.KEYS[0]) == 2


def test_a_topic_ends_with_the_run_of_redis_that_made_it(client: Redis) -> None:
    """A Redis that was restarted from its disk may have gone back."""
    store = RedisTopics()
    before = publish(store, 1, 2)
    client.hset(redis_store.KEYS[2] + ID, mapping={"run": "another", "offset": 1})
    assert store.heads([ID]) == {}
    assert client.get(redis_store.KEYS[1]) is None, "what ended is counted no longer"
    after = publish(store, 3)
    assert after.offset == 1
    assert after.epoch > before.seq


def test_a_redis_that_does_not_tell_its_run_will_do(client: Redis) -> None:
    client.acl_setuser("default", enabled=True, nopass=True, commands=["-info"])
    try:
        assert publish(RedisTopics(), 1, 2).offset == 2
    finally:
        client.acl_setuser("default", enabled=True, nopass=True, commands=["+info"])


def test_a_count_that_went_wrong_rights_itself(client: Redis) -> None:
    store = RedisTopics()
    client.set(redis_store.KEYS[1], 10**12)
    publish(store, 1)
    assert client.get(redis_store.KEYS[1]) is None
    assert publish(store, 1, 2).offset == 2


def test_all_keys_are_on_one_node_of_a_cluster(client: Redis) -> None:
    publish(RedisTopics(), 1)
    assert all(key.startswith(b"{topics}:") for key in client.keys("*"))


def test_redis_away_is_topics_away(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    store = RedisTopics()
    calls: list[Callable[[], object]] = [
        lambda: store.head(ID),
        lambda: store.publish(T, b"{"),
        lambda: store.read(ID, after=0),
        lambda: store.heads([ID]),
    ]
    for call in calls:
        with pytest.raises(TopicsAway):
            call()


def test_connections_that_died_with_redis_cost_no_publication(client: Redis) -> None:
    store = RedisTopics()
    publish(store, 1)
    client.client_kill_filter(_type="normal", skipme=True)
    assert publish(store, 2).offset == 2


def test_the_store_is_redis_where_one_is_configured(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert isinstance(backend.topic_store(), MemoryTopics)
    assert backend.topic_store() is backend.topic_store()
    settings.REDIS_URL = "redis://127.0.0.1:1"
    assert isinstance(backend.topic_store(), RedisTopics)
