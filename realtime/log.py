"""Which log stands behind a group, for the hub to read what the layer lost."""

from collections.abc import Iterable
from typing import Protocol

from realtime.models import LogEntry, LogOwner


class Log(Protocol):
    """Both methods are blocking: they run on the database executor."""

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Entries with a higher `seq` than `after`, ascending: (seq, payload)."""

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        """The head of each owner that exists, in one query."""


class ModelLog:
    """A Log kept by a LogOwner and a LogEntry model; `owner` names the entry's foreign key."""

    def __init__(self, owners: type[LogOwner], entries: type[LogEntry], owner: str) -> None:
        self._owners = owners
        self._entries = entries
        self._owner = owner

    def read(self, owner_id: str, *, after: int, limit: int) -> list[tuple[int, bytes]]:
        rows = (
            self._entries._default_manager.filter(**{f"{self._owner}_id": owner_id}, seq__gt=after)
            .order_by("seq")
            .values_list("seq", "payload")[:limit]
        )
        return [(seq, payload.encode()) for seq, payload in rows]

    def heads(self, owner_ids: Iterable[str]) -> dict[str, int]:
        rows = self._owners._default_manager.filter(pk__in=list(owner_ids))
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
