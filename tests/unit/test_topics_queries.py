import pytest

from topics import backend
from topics.names import topic_id
from topics.queries import Tail, tail
from topics.store import Head, MemoryTopics

T = "prices"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryTopics:
    store = MemoryTopics()
    monkeypatch.setattr(backend, "_store", lambda _: store)
    return store


def test_without_after_nothing_is_missed(store: MemoryTopics) -> None:
    head = store.publish(T, b"{")
    assert tail(topic=T, after=None, epoch=None) == Tail(head, [], None)
    assert tail(topic=T, after=None, epoch="1") == Tail(head, [], None)


def test_of_the_same_epoch_what_was_missed_is_recovered(store: MemoryTopics) -> None:
    store.publish(T, b"{")
    head = store.publish(T, b"{")
    expected = Tail(head, [(head.seq, b"{2}")], recovered=True)
    assert tail(topic=T, after=1, epoch=str(head.epoch)) == expected
    assert tail(topic=T, after=1, epoch=None) == expected


@pytest.mark.parametrize("epoch", ["1", "", "none", "²", "-5"])
def test_of_another_epoch_all_is_told_and_nothing_recovered(
    store: MemoryTopics, epoch: str
) -> None:
    head = store.publish(T, b"{")
    assert tail(topic=T, after=1, epoch=epoch) == Tail(head, [(head.seq, b"{1}")], recovered=False)


def test_before_its_first_publication_nothing_of_a_topic_is_lost(store: MemoryTopics) -> None:
    head = store.head(topic_id(T))
    for epoch in (None, str(head.epoch)):
        assert tail(topic=T, after=0, epoch=epoch) == Tail(head, [], recovered=True)
    assert tail(topic=T, after=0, epoch="1") == Tail(head, [], recovered=False)
    assert tail(topic=T, after=1, epoch=None) == Tail(head, [], recovered=False)


def test_a_topic_that_gives_way_while_one_looks_is_lost(
    store: MemoryTopics, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish(T, b"{")

    def look_and_lose(topic_id: str) -> Head:
        head = MemoryTopics.head(store, topic_id)
        store._drop(topic_id)
        return head

    monkeypatch.setattr(store, "head", look_and_lose)
    found = tail(topic=T, after=0, epoch=None)
    assert (found.entries, found.recovered) == ([], False)
