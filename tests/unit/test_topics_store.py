"""The last publications of topics are kept alike in the process and in a real Redis."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from tests.topic_stores import ID, kept, publish
from tests.topics import T
from topics.names import topic_id
from topics.redis_store import RedisTopics
from topics.store import PART, Head, Kept, Limits, MemoryTopics, TopicStore, numbered

Make = Callable[..., TopicStore]


@pytest.fixture(params=[MemoryTopics, RedisTopics], ids=["memory", "redis"])
def make(request: pytest.FixtureRequest, blocking_redis: Redis) -> Make:
    """A store with these limits, and otherwise with generous ones."""

    def made(**limits: Any) -> TopicStore:
        store: TopicStore = request.param(Limits(**limits))
        return store

    return made


@pytest.fixture
def store(make: Make) -> TopicStore:
    return make()


# --- both ---


def test_the_frame_ends_with_its_offset() -> None:
    assert numbered(b'{"a":1,"offset":', 12) == b'{"a":1,"offset":12}'


def test_offsets_are_1_2_3_in_one_epoch(store: TopicStore) -> None:
    heads = [publish(store, n) for n in range(12)]
    assert [head.offset for head in heads] == list(range(1, 13))
    assert {head.epoch for head in heads} == {heads[0].epoch}
    assert store.head(ID) == heads[-1]
    assert store.heads([ID]) == {ID: heads[0].epoch + 12}


def test_where_a_topic_will_begin_is_known_before_and_makes_none(store: TopicStore) -> None:
    head = store.head(ID)
    assert head.offset == 0
    assert store.heads([ID]) == {}, "looking made it"
    assert publish(store, 7) == Head(head.epoch, 1)


def test_to_look_for_ever_more_topics_makes_none_give_way(make: Make) -> None:
    store = make(topics=2)
    publish(store, 1), publish(store, 1, topic="b")
    for number in range(50):
        store.head(topic_id(f"new-{number}"))
    assert len(store.heads([ID, topic_id("b")])) == 2


def test_where_others_gave_way_a_topic_without_publications_still_begins_as_was_said(
    make: Make,
) -> None:
    store = make(topics=3)
    head = store.head(ID)
    others = [f"t{n}" for n in range(50) if topic_id(f"t{n}")[:PART] != ID[:PART]]
    for topic in others:
        publish(store, 1, topic=topic)
    assert publish(store, 7) == Head(head.epoch, 1)


def test_whoever_makes_ever_more_topics_makes_their_own_give_way(make: Make) -> None:
    store = make(topics=6)
    publish(store, 1, share="ann"), publish(store, 1, topic="b", share="ben")
    theirs = [topic_id(f"new-{n}") for n in range(20)]
    for number in range(20):
        publish(store, 1, topic=f"new-{number}", share="eve")
    assert set(store.heads([ID, topic_id("b"), *theirs])) == {ID, topic_id("b"), *theirs[16:]}
    publish(store, 1, topic="c", share="ann")  # nor need others make room for them
    assert len(store.heads(theirs)) == 3
    assert len(store.heads(map(topic_id, [T, "b", "c"]))) == 3


def test_whoever_takes_most_bytes_makes_their_own_topics_give_way(make: Make) -> None:
    store = make(total_bytes=18 * 6)
    publish(store, 1, share="ann"), publish(store, 1, topic="b", share="ben")
    for topic in "cdef":
        publish(store, 1, 2, topic=topic, share="eve")
    left = store.heads(map(topic_id, [T, *"bcdef"]))
    assert set(left) == set(map(topic_id, [T, *"bef"]))


def test_of_shares_of_one_size_the_topic_longest_unused_gives_way(make: Make) -> None:
    store = make(topics=2)
    for topic in "abc":
        publish(store, 1, topic=topic, share=topic)
    assert set(store.heads(map(topic_id, "abc"))) == set(map(topic_id, "bc"))


def test_a_topic_stays_with_whoever_made_it(make: Make) -> None:
    store = make(topics=2)
    publish(store, 1, share="ann"), publish(store, 2, share="eve")
    publish(store, 1, topic="b", share="eve"), publish(store, 1, topic="c", share="eve")
    assert set(store.heads(map(topic_id, [T, *"bc"]))) == {ID, topic_id("c")}


def test_topics_are_apart(store: TopicStore) -> None:
    publish(store, 1, 2)
    publish(store, 9, topic="other")
    assert kept(store, 0, "other").payloads == [b'{"n":9,"offset":1}']
    assert store.head(ID).offset == 2


def test_what_follows_a_place_is_read_in_order(store: TopicStore) -> None:
    head = publish(store, 7, 8, 9)
    found = kept(store, head.epoch + 1)
    assert found == Kept(T, head, [b'{"n":8,"offset":2}', b'{"n":9,"offset":3}'], lost=False)
    assert [seq for seq, _ in found.entries] == [head.epoch + 2, head.epoch + 3]
    assert kept(store, head.seq) == Kept(T, head, [], lost=False)
    assert not kept(store, head.epoch).lost


def test_a_place_that_never_was_gets_all_that_is_left(store: TopicStore) -> None:
    head = publish(store, 7, 8)
    for after in (0, head.epoch - 1, head.seq + 1, 10**40):
        assert kept(store, after).lost
        assert len(kept(store, after).payloads) == 2


def test_of_an_unknown_topic_there_is_nothing(store: TopicStore) -> None:
    assert store.read(ID, after=0) is None
    assert store.heads([ID]) == {}
    assert store.read(ID, after=0) is None, "looking made it"


def test_heads_are_of_those_that_exist(store: TopicStore) -> None:
    one, two = publish(store, 1), publish(store, 1, topic="b")
    asked = [topic_id("none"), ID, topic_id("b"), topic_id("nor this")]
    assert store.heads(asked) == {ID: one.seq, topic_id("b"): two.seq}
    assert store.heads([]) == {}


def test_only_the_last_publications_are_kept(make: Make) -> None:
    store = make(publications=3)
    head = publish(store, *range(5))
    assert kept(store, head.epoch + 1).lost
    assert kept(store, head.epoch + 1).entries[0] == (head.epoch + 3, b'{"n":2,"offset":3}')
    assert not kept(store, head.epoch + 2).lost
    assert len(kept(store, head.epoch + 2).payloads) == 3


def test_only_so_many_bytes_of_a_topic_are_kept(make: Make) -> None:
    store = make(topic_bytes=40)  # of 18 each
    head = publish(store, 1, 2, 3)
    assert [seq - head.epoch for seq, _ in kept(store, 0).entries] == [2, 3]


def test_a_publication_larger_than_all_that_is_kept_is_numbered_and_gone(make: Make) -> None:
    store = make(topic_bytes=5)
    head = publish(store, 1)
    assert head.offset == 1
    assert kept(store, head.epoch) == Kept(T, head, [], lost=True)
    assert not kept(store, head.seq).lost


@pytest.mark.parametrize(
    "use",
    [
        lambda store: store.head(ID),
        lambda store: publish(store, 1),
        lambda store: store.read(ID, after=0),
        lambda store: store.heads([ID]),
    ],
    ids=["head", "publish", "read", "heads"],
)
def test_the_topic_longest_unused_gives_way_to_one_too_many(
    make: Make, use: Callable[[TopicStore], object]
) -> None:
    store = make(topics=2)
    for topic in (T, "b"):
        publish(store, 1, topic=topic)
    use(store)
    publish(store, 1, topic="c")
    assert set(store.heads(map(topic_id, [T, "b", "c"]))) == {ID, topic_id("c")}


def test_the_topics_longest_unused_give_way_to_too_many_bytes(make: Make) -> None:
    store = make(total_bytes=18 * 3)
    for topic in "abc":
        publish(store, 1, topic=topic)
    publish(store, 2, topic="a")
    assert set(store.heads(map(topic_id, "abc"))) == {topic_id("a"), topic_id("c")}
    publish(store, 3, 4, 5, 6, topic="d")
    assert set(store.heads(map(topic_id, "acd"))) == set()


def test_what_a_topic_forgets_counts_no_longer(make: Make) -> None:
    store = make(total_bytes=18 * 3, publications=1)
    publish(store, *range(9), topic="a")
    publish(store, *range(9), topic="b")
    assert len(store.heads(map(topic_id, "ab"))) == 2


def test_an_idle_topic_expires_and_comes_back_in_another_epoch(make: Make) -> None:
    store = make(idle=0)
    first = publish(store, 1)
    publish(store, 1, topic="other")
    assert store.read(ID, after=0) is None
    again = publish(store, 2)
    assert again.offset == 1
    assert again.epoch > first.seq


def test_many_publish_at_once_and_each_gets_its_own_offset(store: TopicStore) -> None:
    barrier = threading.Barrier(4)

    def some() -> list[int]:
        barrier.wait()
        return [publish(store, 1).offset for _ in range(25)]

    with ThreadPoolExecutor(4) as threads:
        runs = [run.result() for run in [threads.submit(some) for _ in range(4)]]
    assert sorted(offset for run in runs for offset in run) == list(range(1, 101))
    assert all(run == sorted(run) for run in runs)
    assert len(kept(store, 0).payloads) == 100


def test_any_bytes_are_kept_as_they_are(store: TopicStore) -> None:
    text = '{"d":"é😀\\"{}[] %d %s \\u0000","offset":'.encode()
    store.publish(T, text)
    assert kept(store, 0).payloads == [text + b"1}"]


# --- in the process ---


def test_an_idle_topic_expires_by_the_clock() -> None:
    now = 1000.0
    store = MemoryTopics(Limits(idle=10), clock=lambda: now)
    publish(store, 1)
    now += 9
    assert store.heads([ID])
    now += 9
    assert publish(store, 2).offset == 2, "it was asked for meanwhile"
    now += 11
    publish(store, 1, topic="other", share="ann")
    assert store.read(ID, after=0) is None
    assert len(store._topics) == 1
    assert (store._size, store._counts, store._sizes) == (18, {"ann": 1}, {"ann": 18})
