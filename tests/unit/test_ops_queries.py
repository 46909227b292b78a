import pytest

from ops import queries
from ops.models import AuditEntry
from realtime.report_store import Report
from tests.cast import make_user


def report(**fields: object) -> Report:
    given = {
        "uptime": 1.0, "connections": 1, "rooms": [], "memory_mb": 1.0, "messages_per_second": 1.0,
    }  # fmt: skip
    return Report(**(given | fields))  # type: ignore[arg-type]


def test_a_status_is_over_all_workers_and_a_room_of_two_is_one() -> None:
    status = queries.status(
        [
            report(uptime=99.04, connections=3, rooms=["a", "b"], memory_mb=60.04),
            report(uptime=5.0, connections=4, rooms=["b", "c"], messages_per_second=0.26),
        ],
        ref="r",
    )
    assert (status.ref, status.uptime, status.workers) == ("r", 99.0, 2)
    assert (status.connections, status.rooms) == (7, 3)
    assert (status.memory_mb, status.messages_per_second) == (61.0, 1.3)


@pytest.mark.django_db
def test_the_latest_come_first_and_not_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "LATEST_ENTRIES", 2)
    monkeypatch.setattr(queries, "LATEST_PEOPLE", 2)
    for name in ("anna", "ben", "cem"):
        AuditEntry.objects.create(who_id="1", who_name=name, what="announce")
        make_user(name)
    assert [entry.who_name for entry in queries.latest_entries()] == ["cem", "ben"]
    assert [each["name"] for each in queries.latest_people()] == ["Cem", "Ben"]
