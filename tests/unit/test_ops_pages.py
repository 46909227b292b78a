from typing import Any

import pytest
from django.test import Client

from ops.models import AuditEntry
from tests.cast import make_user

pytestmark = pytest.mark.django_db

PAGE = "/ops/"


def as_user(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_staff_see_the_page_and_what_was_done_and_to_whom_they_may_do_it() -> None:
    make_user("anna")
    AuditEntry.objects.create(who_id="1", who_name="Sue", what="announce", words="<b>Tea</b>")
    answer = as_user(make_user("staff", is_staff=True)).get(PAGE)
    assert answer.status_code == 200
    assert {"Anna", "Staff"} == {each["name"] for each in answer.context["people"]}
    assert b"&lt;b&gt;Tea&lt;/b&gt;" in answer.content
    assert b"<b>Tea</b>" not in answer.content


@pytest.mark.parametrize("fields", [{}, {"guest": True}])
def test_others_are_refused(fields: dict[str, Any]) -> None:
    assert as_user(make_user("anna", **fields)).get(PAGE).status_code == 403


def test_strangers_sign_in_first() -> None:
    answer = Client().get(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/ops/")


def test_staff_who_were_locked_out_are_strangers() -> None:
    client = as_user(user := make_user("staff", is_staff=True))
    user.is_active = False
    user.save()
    assert client.get(PAGE).status_code == 302


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_a_wrong_method_gets_405(method: str) -> None:
    client = as_user(make_user("staff", is_staff=True))
    assert getattr(client, method)(PAGE).status_code == 405


def test_the_page_is_linked_for_staff_alone() -> None:
    staff, anna = as_user(make_user("staff", is_staff=True)), as_user(make_user("anna"))
    assert b'href="/ops/"' in staff.get("/").content
    assert b'href="/ops/"' not in anna.get("/").content
