from typing import Any

import msgspec

from realtime import publish as engine
from realtime.frames import Person, encode, now
from topics.backend import topic_store
from topics.errors import DataTooLarge
from topics.frames import Publication
from topics.names import topic_group
from topics.store import TopicStore, numbered

MAX_DATA = 16 * 1024  # bytes of JSON
GUESTS = "guests"  # have one share of the store together: anybody can be many of them


def publish(*, topic: str, data: Any, by: Person, store: TopicStore | None = None) -> int:
    """Keep the publication and tell all subscribers; returns its offset. Blocking.

    Raises DataTooLarge, and TopicsAway after which nobody knows whether it was published.
    """
    encoded = encode(data)
    if len(encoded) > MAX_DATA:
        raise DataTooLarge(MAX_DATA)
    publication = Publication(
        topic=topic, data=msgspec.Raw(encoded), from_=by, timestamp=now(), offset=0
    )
    unnumbered = encode(publication).removesuffix(b"0}")
    share = GUESTS if by.guest is True else by.id
    head = (store or topic_store()).publish(topic, unnumbered, share=share)
    engine.publish(topic_group(topic), numbered(unnumbered, head.offset), seq=head.seq)
    return head.offset
