"""Publishing to a store of topics, and what it has kept."""

from tests.topics import T
from topics.names import topic_id
from topics.store import Head, Kept, TopicStore

ID = topic_id(T)


def publish(store: TopicStore, *numbers: int, topic: str = T, share: str = "") -> Head:
    """Each publication is `{"n": <number>, "offset": <offset>}`."""
    heads = [store.publish(topic, b'{"n":%d,"offset":' % n, share=share) for n in numbers]
    return heads[-1]


def kept(store: TopicStore, after: int, topic: str = T) -> Kept:
    found = store.read(topic_id(topic), after=after)
    assert found is not None
    return found
