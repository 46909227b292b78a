import msgspec
import pytest

from realtime.frames import Person
from topics import actions, backend
from topics.errors import DataTooLarge
from topics.names import topic_group
from topics.store import MemoryTopics

ANN = Person(id="1", name="Ann")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryTopics:
    store = MemoryTopics()
    monkeypatch.setattr(backend, "_store", lambda _: store)
    return store


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bytes, int]]:
    told: list[tuple[str, bytes, int]] = []
    monkeypatch.setattr(
        actions.engine, "publish", lambda group, frame, *, seq: told.append((group, frame, seq))
    )
    return told


def test_what_is_told_is_what_is_kept(
    store: MemoryTopics, told: list[tuple[str, bytes, int]]
) -> None:
    for offset in (1, 2):
        assert actions.publish(topic="t", data={"a": "é"}, by=ANN) == offset
    (kept,) = store._topics.values()
    assert [frame for _, frame, _ in told] == list(kept.payloads)
    assert [(group, seq) for group, _, seq in told] == [
        (topic_group("t"), kept.epoch + 1),
        (topic_group("t"), kept.epoch + 2),
    ]
    frame = msgspec.json.decode(told[1][1])
    assert list(frame) == ["type", "topic", "data", "from", "timestamp", "offset"]
    assert (frame["data"], frame["from"], frame["offset"]) == (
        {"a": "é"},
        {"id": "1", "name": "Ann"},
        2,
    )


def test_data_that_is_too_large_is_neither_kept_nor_told(
    store: MemoryTopics, told: list[tuple[str, bytes, int]]
) -> None:
    actions.publish(topic="t", data="x" * (actions.MAX_DATA - 2), by=ANN)
    with pytest.raises(DataTooLarge):
        actions.publish(topic="other", data="x" * (actions.MAX_DATA - 1), by=ANN)
    assert len(told) == len(store._topics) == 1
