"""Which log stands behind a group, for the hub to read what the layer lost."""

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

from django.db import models
from django.db.models import F, FilteredRelation, Q, Value
from django.db.models.functions import Greatest

from realtime.frames import Resync, encode
from realtime.models import LogEntry, LogOwner


class Log(Protocol):
    """Both methods are blocking: they run on the database executor."""

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries with a higher `seq` than `after`, ascending: (seq, payload).

        They follow `after` without a hole. Where the log does not keep what followed, its first
        entry's payload tells of the loss, and the `seq` of that entry is the last which is gone.
        """

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        """The head of each owner that exists, in one query."""


@runtime_checkable
class FollowedLog(Log, Protocol):
    """One that sockets follow from a `seq` of their own (realtime.following)."""

    def tail(
        self, owner_id: str, *, lowest: int, highest: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """The head, 0 for no owner, and of the last `limit` entries those beyond `lowest`.

        One query, and none of the entries if not even `highest` is within `limit` of the head. As
        in `read`, what is gone is told by the first entry.
        """


class ModelLog:
    """A Log kept by a LogOwner and a LogEntry model; `owner` names the entry's foreign key.

    What was pruned is told by a `resync` to the tail, after which the frames go on.
    """

    def __init__(self, owners: type[LogOwner], entries: type[LogEntry], owner: str) -> None:
        self.owners = owners
        self.entries = entries
        self.owner = owner
        # The owner's name for its entries.
        self._entry: str = entries._meta.get_field(owner).remote_field.name  # type: ignore[union-attr]  # a foreign key

    def of(self, owner_id: Any) -> models.QuerySet[LogEntry]:
        return self.entries._default_manager.filter(**{f"{self.owner}_id": owner_id})

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        rows = self.of(owner_id).filter(seq__gt=after).order_by("seq")
        entries = [
            (seq, payload.encode()) for seq, payload in rows.values_list("seq", "payload")[:limit]
        ]
        tail = entries[0][0] - 1 if entries else self._tail(owner_id)
        if tail > after:
            return [(tail, encode(Resync(seq=tail))), *entries][:limit]
        return entries

    def _tail(self, owner_id: str) -> int:
        owner = self.owners._default_manager.filter(pk=owner_id)
        return owner.values_list("tail", flat=True).first() or 0

    def tail(
        self, owner_id: str, *, lowest: int, highest: int, limit: int
    ) -> tuple[int, list[tuple[int, bytes]]]:
        oldest = Greatest(Value(lowest), F("head") - limit)
        within = Q(head__lte=highest + limit, **{f"{self._entry}__seq__gt": oldest})
        rows = list(
            self.owners._default_manager.filter(pk=owner_id)
            .annotate(entry=FilteredRelation(self._entry, condition=within))
            .order_by("entry__seq")
            .values_list("head", "tail", "entry__seq", "entry__payload")
        )
        if not rows:
            return 0, []
        head, tail, *_ = rows[0]
        entries = [(seq, payload.encode()) for *_, seq, payload in rows if seq is not None]
        if tail > max(lowest, head - limit):
            entries.insert(0, (tail, encode(Resync(seq=tail))))
        return head, entries

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        rows = self.owners._default_manager.filter(pk__in=list(owner_ids))
        return {str(pk): head for pk, head in rows.values_list("pk", "head")}


_logs: dict[str, Log] = {}


def register_log(prefix: str, log: Log) -> None:
    """Groups named `<prefix>.<owner id>` are backed by this log. Called from AppConfig.ready()."""
    _logs[prefix] = log


def log_of(group: str) -> tuple[Log, str] | None:
    """The log behind a group and the owner's id; None for a group that keeps nothing."""
    prefix, _, owner_id = group.partition(".")
    log = _logs.get(prefix)
    return (log, owner_id) if log else None
