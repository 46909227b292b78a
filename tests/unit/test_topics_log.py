import msgspec
import pytest

from tests.topics import Away
from topics import backend
from topics.errors import TopicsAway
from topics.log import TopicLog
from topics.names import topic_id
from topics.store import Limits, MemoryTopics

T = "prices"
ID = topic_id(T)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryTopics:
    store = MemoryTopics(Limits(publications=2))
    monkeypatch.setattr(backend, "_store", lambda _: store)
    return store


def test_what_follows_is_read_as_it_was_published(store: MemoryTopics) -> None:
    for _ in range(3):
        head = store.publish(T, b'{"offset":')
    entries = TopicLog().read(ID, after=head.epoch + 1, limit=500)
    assert entries == [(head.epoch + 2, b'{"offset":2}'), (head.epoch + 3, b'{"offset":3}')]
    assert TopicLog().read(ID, after=head.seq, limit=500) == []
    assert TopicLog().heads([ID, "other"]) == {ID: head.seq}


def test_a_loss_is_told_before_what_is_left(store: MemoryTopics) -> None:
    for _ in range(4):
        head = store.publish(T, b'{"offset":')
    (seq, payload), *entries = TopicLog().read(ID, after=head.epoch + 1, limit=500)
    assert seq == head.epoch + 2
    assert msgspec.json.decode(payload) == {
        "type": "subscribed",
        "topic": T,
        "offset": 4,
        "epoch": str(head.epoch),
        "recovered": False,
    }
    assert [seq for seq, _ in entries] == [head.epoch + 3, head.epoch + 4]


def test_a_loss_is_told_of_a_topic_in_which_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryTopics(Limits(topic_bytes=1))
    monkeypatch.setattr(backend, "_store", lambda _: store)
    head = store.publish(T, b"{")
    ((seq, _),) = TopicLog().read(ID, after=1, limit=500)
    assert seq == head.seq


def test_an_unknown_topic_has_no_entries(store: MemoryTopics) -> None:
    assert TopicLog().read(ID, after=5, limit=500) == []


def test_while_the_store_is_away_no_head_is_known_and_nothing_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backend, "_store", lambda _: Away())
    assert TopicLog().heads([ID]) == {}
    with pytest.raises(TopicsAway):
        TopicLog().read(ID, after=0, limit=500)
