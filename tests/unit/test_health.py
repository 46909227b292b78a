import asyncio
from unittest.mock import AsyncMock

import pytest
from channels.layers import channel_layers
from django.db import OperationalError
from django.test import AsyncClient

from chatsite import health

urlpatterns = []
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(health, "_applied", False)
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.5)


@pytest.fixture
def failing(monkeypatch):
    def fail(check):
        def failed():
            raise OperationalError("away")

        monkeypatch.setattr(health, check, failed)

    return fail


def test_a_living_process_says_so(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_process_that_can_serve_says_so(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_any_host_and_plain_http_will_do(path, client, settings):
    settings.ALLOWED_HOSTS = ["chat.example"]
    settings.SECURE_SSL_REDIRECT = True
    for host in ("10.0.0.7:8000", "evil.example", "not a host", ""):
        assert client.get(path, headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_nothing_but_reading_is_allowed(path, client):
    assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405


def test_the_living_process_does_not_ask_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/healthz")


def test_without_a_database_the_process_lives_and_is_not_ready(client, failing):
    failing("_select_one")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "failed": ["database"]}
    assert client.get("/healthz").status_code == 200


def test_with_migrations_to_apply_the_process_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(
        "chatsite.health.MigrationExecutor.migration_plan",
        lambda self, targets: [("accounts.0009", False)],
    )
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["failed"] == ["migrations"]


def test_applied_migrations_are_not_looked_at_again(client, failing):
    client.get("/readyz")
    failing("_check_migrations")
    assert client.get("/readyz").status_code == 200


def test_what_failed_is_not_told_in_detail(client, failing):
    failing("_select_one")
    assert b"away" not in client.get("/readyz").content


class Layer:
    """A layer that remembers who still listens."""

    def __init__(self):
        self.queue = asyncio.Queue()
        self.listening = set()

    async def send(self, channel, message):
        self.queue.put_nowait(message)

    async def receive(self, channel):
        self.listening.add(channel)
        try:
            return await self.queue.get()
        except asyncio.CancelledError:
            self.listening.discard(channel)
            raise


@pytest.fixture
def layer(settings):
    settings.REDIS_URL = "redis://x"

    layer = Layer()
    before = channel_layers.set("default", layer)
    yield layer
    channel_layers.set("default", before)


async def test_a_layer_that_carries_a_message_is_ready_and_left_as_it_was(layer):
    assert (await AsyncClient().get("/readyz")).status_code == 200
    assert not layer.listening


async def test_a_message_sent_too_early_is_sent_again(layer, monkeypatch):
    monkeypatch.setattr(health, "RESEND_AFTER", 0.01)
    carried, layer.send = (
        layer.send,
        AsyncMock(side_effect=lambda *_: setattr(layer, "send", carried)),
    )
    assert (await AsyncClient().get("/readyz")).status_code == 200


async def test_a_layer_that_loses_every_message_is_not_ready_and_left_as_it_was(layer):
    layer.send = AsyncMock()
    answer = await AsyncClient().get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (503, ["layer"])
    await asyncio.sleep(0)
    assert not layer.listening


@pytest.mark.parametrize("call", ["send", "receive"])
async def test_a_layer_that_fails_is_not_ready(call, layer):
    setattr(layer, call, AsyncMock(side_effect=ConnectionError("secret")))
    answer = await AsyncClient().get("/readyz")
    assert (answer.status_code, answer.json()["failed"]) == (503, ["layer"])
    assert not layer.listening


async def test_a_layer_that_never_answers_is_not_waited_for(layer):
    async def stuck(channel, message):
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(3)

    layer.send = stuck
    async with asyncio.timeout(2):
        answer = await AsyncClient().get("/readyz")
    assert answer.json()["failed"] == ["layer"]


async def test_other_paths_go_on():
    assert (await AsyncClient().get("/healthz/x")).status_code == 404
