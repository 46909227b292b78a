"""The audit log is written once, by nobody twice, and outlives those it is about."""

from typing import Any

import pytest
from django.test import Client

from ops.models import AppendOnly, AuditEntry
from tests.cast import make_user

pytestmark = pytest.mark.django_db

ADMIN = "/admin/ops/auditentry/"


@pytest.fixture
def entry() -> AuditEntry:
    return AuditEntry.objects.create(who_id="1", who_name="Sue", what="announce", words="Tea")


@pytest.fixture
def root() -> Client:
    client = Client()
    user = make_user("root", is_staff=True, is_superuser=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_an_entry_is_neither_changed_nor_deleted(entry: AuditEntry) -> None:
    entry.words = "Coffee"
    for change in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(words="Coffee"),
    ):
        with pytest.raises(AppendOnly):
            change()
    assert AuditEntry.objects.get().words == "Tea"


def test_an_entry_outlives_the_people_in_it() -> None:
    anna = make_user("anna")
    AuditEntry.objects.create(who_id=str(anna.pk), who_name="Anna", what="kick", whom_name="Ben")
    anna.delete()
    assert str(AuditEntry.objects.get()) == "Anna kick Ben"


def test_the_admin_shows_the_log_and_changes_nothing(root: Client, entry: AuditEntry) -> None:
    assert b"Tea" in root.get(ADMIN).content
    assert root.get(f"{ADMIN}{entry.pk}/change/").status_code == 200
    refused: list[Any] = [
        root.get(f"{ADMIN}add/"),
        root.post(f"{ADMIN}add/", {"who_id": "2"}),
        root.post(f"{ADMIN}{entry.pk}/change/", {"words": "Coffee"}),
        root.post(f"{ADMIN}{entry.pk}/delete/", {"post": "yes"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 4
    root.post(ADMIN, {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"})
    assert AuditEntry.objects.get().words == "Tea"
