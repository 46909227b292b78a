from typing import NamedTuple

from topics.backend import topic_store
from topics.names import topic_id
from topics.store import Head, TopicStore


class Tail(NamedTuple):
    """The head of a topic and what a subscriber missed before it.

    `recovered` is None if nothing was asked for, and false if some of it is lost; the entries are
    then all that is left.
    """

    head: Head
    entries: list[tuple[int, bytes]]
    recovered: bool | None


def tail(
    *, topic: str, after: int | None, epoch: str | None, store: TopicStore | None = None
) -> Tail:
    """Blocking. Raises TopicsAway."""
    store = store or topic_store()
    head = store.head(topic_id(topic))
    if after is None:
        return Tail(head, [], None)
    seq = _seq(head, after, epoch)
    kept = store.read(topic_id(topic), after=seq)
    if kept is None:  # nothing was published yet, or it had to give way to others
        return Tail(head, [], recovered=seq == head.seq)
    return Tail(kept.head, kept.entries, not kept.lost)


def _seq(head: Head, after: int, epoch: str | None) -> int:
    """The place that the client means. An epoch that was never given out is as good as lost."""
    if epoch is None:
        return head.epoch + after
    return int(epoch) + after if epoch.isascii() and epoch.isdecimal() else 0
