"""Retention: what is old leaves a log at its tail, a batch at a time.

Each batch is one transaction, short enough that nobody who posts meanwhile waits long.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction

from realtime.log import ModelLog
from realtime.models import LogOwner

BATCH = 500  # entries
PAUSE = 0.02  # seconds between two batches, for those who wait for the lock


class Retained(NamedTuple):
    """A kind of log that can be pruned.

    `name` is the field by which its owners are called. `forget(owner, tail)` does, within the
    transaction and with the owner locked, what else has to go with the entries up to `tail`.
    """

    log: ModelLog
    name: str
    forget: Callable[[Any, int], None]


class Rule(NamedTuple):
    """What may go: what is older than `before` and not among the newest `keep`."""

    before: datetime | None = None
    keep: int | None = None


_retained: dict[str, Retained] = {}


def register_retention(kind: str, retained: Retained) -> None:
    """Called from AppConfig.ready()."""
    _retained[kind] = retained


def retained_kinds() -> dict[str, Retained]:
    return dict(_retained)


def tail_by(rule: Rule, log: ModelLog, owner: LogOwner) -> int:
    """Where the log would end by this rule: the owner's tail if nothing is to go.

    Clocks differ between workers, so an entry may be older than one before it: what is young keeps
    all that follow it.
    """
    tail = owner.head
    if rule.keep is not None:
        tail = min(tail, owner.head - rule.keep)
    if rule.before is not None:
        kept = log.of(owner.pk).filter(seq__gt=owner.tail, timestamp__gte=rule.before)
        if (first := kept.order_by("seq").values_list("seq", flat=True).first()) is not None:
            tail = min(tail, first - 1)
    return max(tail, owner.tail)


def prune(retained: Retained, owner_id: Any, *, tail: int) -> Iterator[int]:
    """Forget the entries up to `tail`; yields how many went with each batch."""
    while count := _prune_batch(retained, owner_id, tail):
        yield count
        time.sleep(PAUSE)


@transaction.atomic
def _prune_batch(retained: Retained, owner_id: Any, up_to: int) -> int:
    log = retained.log
    owner = log.owners._default_manager.select_for_update().filter(pk=owner_id).first()
    if owner is None or (tail := min(up_to, owner.tail + BATCH)) <= owner.tail:
        return 0
    retained.forget(owner, tail)
    log.of(owner_id).filter(seq__lte=tail).delete()
    log.owners._default_manager.filter(pk=owner_id).update(tail=tail)
    return tail - owner.tail
