import pytest
from django.test import Client

from tests.cast import Cast

pytestmark = pytest.mark.django_db


def test_prometheus_on_this_machine_reads_what_is_counted(client: Client) -> None:
    answer = client.get("/metrics", REMOTE_ADDR="127.0.0.1")
    assert answer.status_code == 200
    assert b"realtime_connections" in answer.content
    assert b"realtime_flush_seconds_bucket" in answer.content


@pytest.mark.parametrize(
    "headers",
    [
        {"REMOTE_ADDR": "203.0.113.5"},
        {"REMOTE_ADDR": ""},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.5"},
        {"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.5"},
    ],
)
def test_nobody_else_does(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/metrics", **headers).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_staff_do_from_anywhere(client: Client, cast: Cast) -> None:
    client.force_login(cast.staff)
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 200
    client.force_login(cast.member)
    assert client.get("/metrics", REMOTE_ADDR="203.0.113.5").status_code == 403
