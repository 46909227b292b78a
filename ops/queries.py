from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from msgspec import UNSET, UnsetType

from accounts.queries import person
from ops.frames import Status
from ops.models import AuditEntry
from realtime.report_store import Report

LATEST_ENTRIES = 20
LATEST_PEOPLE = 200


def status(reports: Collection[Report], *, ref: str | UnsetType = UNSET) -> Status:
    """One status of all workers; a room that several of them serve is one room."""
    return Status(
        ref=ref,
        uptime=round(max(report.uptime for report in reports), 1),
        connections=sum(report.connections for report in reports),
        rooms=len({room for report in reports for room in report.rooms}),
        memory_mb=round(sum(report.memory_mb for report in reports), 1),
        messages_per_second=round(sum(report.messages_per_second for report in reports), 1),
        workers=len(reports),
    )


def latest_entries() -> list[AuditEntry]:
    return list(AuditEntry.objects.all()[:LATEST_ENTRIES])


def latest_people() -> list[dict[str, str]]:
    """`{id, name}` of those who came last: whom staff would look for."""
    users: Any = get_user_model()._default_manager.select_related("profile")
    people = [person(user) for user in users.order_by("-pk")[:LATEST_PEOPLE]]
    return [{"id": each.id, "name": each.name} for each in people]
