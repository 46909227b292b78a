"""Topics as logs behind the hub's groups."""

from collections.abc import Iterable

import structlog

from realtime.frames import encode
from topics.backend import topic_store
from topics.errors import TopicsAway
from topics.frames import Subscribed
from topics.store import Kept

logger = structlog.get_logger(__name__)


class TopicLog:
    """A log that forgets: where it did, its first entry tells every subscriber so."""

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        kept = topic_store().read(owner_id, after=after)
        if kept is None:
            return []
        return [*([_loss(kept)] if kept.lost else []), *kept.entries][:limit]

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        """None while the store is away: the heads of other logs are asked for all the same."""
        try:
            return topic_store().heads(owner_ids)
        except TopicsAway as error:
            logger.warning("topics_away", error=repr(error.__cause__))
            return {}


def _loss(kept: Kept) -> tuple[int, bytes]:
    frame = Subscribed(
        topic=kept.topic, offset=kept.head.offset, epoch=str(kept.head.epoch), recovered=False
    )
    return kept.before, encode(frame)
