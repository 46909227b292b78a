import asyncio
import json
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.layers import channel_layers
from django.db import OperationalError, connection

from chatsite import health
from chatsite.asgi import application
from realtime import database

pytestmark = pytest.mark.django_db

TIMEOUT = 60  # seconds until what should come is given up


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(health, "_applied", True)
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 60)
    monkeypatch.setattr(database, "QUEUED_WHILE_AWAY", 60)


@pytest.fixture
def unchecked(monkeypatch):
    """Nobody has looked at the migrations yet."""
    monkeypatch.setattr(health, "_applied", False)


@pytest.fixture
def impatient(monkeypatch):
    """With a database that answers at once."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.5)
    monkeypatch.setattr(health, "database_answers", AsyncMock())


@pytest.fixture
def failing(monkeypatch):
    def fail(check):
        def failed():
            raise OperationalError("away")

        monkeypatch.setattr(health, check, failed)

    return fail


async def ask(path, method="GET", *, host="localhost", root_path=""):
    """Of the whole site, over plain HTTP."""
    scope = {
        "type": "http",
        "method": method,
        "path": root_path + path,
        "root_path": root_path,
        "query_string": b"",
        "headers": [(b"host", host.encode())],
    }
    asked = ApplicationCommunicator(application, scope)
    await asked.send_input({"type": "http.request", "body": b""})
    start = await asked.receive_output(TIMEOUT)
    body = (await asked.receive_output(TIMEOUT)).get("body", b"")
    await asked.wait(TIMEOUT)
    headers = {name.lower().decode(): value.decode() for name, value in start["headers"]}
    is_json = body and headers["content-type"] == "application/json"
    said = json.loads(body) if is_json else None
    return SimpleNamespace(status=start["status"], headers=headers, body=body, said=said)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_process_that_lives_and_can_serve_says_so(path):
    answer = await ask(path)
    assert (answer.status, answer.said) == (200, {"status": "ok"})
    assert answer.headers == {
        "cache-control": "no-store",
        "content-type": "application/json",
        "content-length": str(len(answer.body)),
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
@pytest.mark.parametrize("host", ["10.0.0.7:8000", "evil.example", "not a host", ""])
async def test_any_host_and_plain_http_will_do(path, host, settings):
    settings.ALLOWED_HOSTS = ["chat.example"]
    settings.SECURE_SSL_REDIRECT = True
    assert (await ask(path, host=host)).status == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_nothing_but_reading_is_allowed(path):
    head, refused = await ask(path, "HEAD"), await ask(path, "POST")
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_a_site_below_a_path_is_asked_there():
    assert (await ask("/healthz", root_path="/chat")).status == 200


@pytest.mark.parametrize("path", ["/healthz/", "/healthz/x", "/x/healthz", "/Healthz"])
async def test_other_paths_go_on(path):
    assert (await ask(path)).status == 404


async def test_the_living_process_asks_neither_database_nor_layer_and_waits_for_nothing(
    failing, layer
):
    failing("_select_one")
    layer.send = AsyncMock(side_effect=ConnectionError)
    sent = []

    async def send(message):
        sent.append(message["type"])

    asked = health.Health(None)({"path": "/healthz", "method": "GET"}, None, send)
    with pytest.raises(StopIteration):
        asked.send(None)  # not a single turn of the loop
    assert sent == ["http.response.start", "http.response.body"]


async def test_without_a_database_the_process_is_not_ready_and_says_no_more_than_that(failing):
    failing("_select_one")
    answer = await ask("/readyz")
    assert answer.status == 503
    assert answer.said == {"status": "unavailable", "failed": ["database"]}


async def test_a_connection_that_was_lost_is_not_kept(monkeypatch):
    monkeypatch.setattr(database, "THREADS", 1)
    database.shutdown()

    def lose() -> None:
        connection.ensure_connection()
        connection.connection.close()

    await database.run(lose)
    assert [(await ask("/readyz")).status for _ in range(2)] == [503, 200]
    database.shutdown()


async def test_with_migrations_to_apply_the_process_is_not_ready(unchecked, monkeypatch):
    monkeypatch.setattr(
        "chatsite.health.MigrationExecutor.migration_plan",
        lambda self, targets: [("accounts.0009", False)],
    )
    answer = await ask("/readyz")
    assert (answer.status, answer.said["failed"]) == (503, ["migrations"])


async def test_applied_migrations_are_not_looked_at_again(unchecked, failing):
    assert (await ask("/readyz")).status == 200
    failing("_check_migrations")
    assert (await ask("/readyz")).status == 200


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
    assert (await ask("/readyz")).status == 200
    assert not layer.listening


@pytest.mark.parametrize(("up", "status"), [(True, 200), (False, 503)])
async def test_a_process_that_does_not_hear_its_own_beats_is_not_ready(
    layer, monkeypatch, up, status
):
    hubs = SimpleNamespace(all=lambda: [SimpleNamespace(up=up)])
    monkeypatch.setattr(health, "hubs", hubs)
    answer = await ask("/readyz")
    assert (answer.status, answer.said.get("failed", [])) == (
        status,
        [] if up else ["layer"],
    )


async def test_a_message_sent_too_early_is_sent_again(layer, monkeypatch):
    monkeypatch.setattr(health, "RESEND_AFTER", 0.01)
    carried, layer.send = (
        layer.send,
        AsyncMock(side_effect=lambda *_: setattr(layer, "send", carried)),
    )
    assert (await ask("/readyz")).status == 200


async def test_a_layer_that_loses_every_message_is_not_ready_and_left_as_it_was(layer, impatient):
    layer.send = AsyncMock()
    answer = await ask("/readyz")
    assert (answer.status, answer.said["failed"]) == (503, ["layer"])
    await asyncio.sleep(0)
    assert not layer.listening


@pytest.mark.parametrize("call", ["send", "receive"])
async def test_a_layer_that_fails_is_not_ready(call, layer):
    setattr(layer, call, AsyncMock(side_effect=ConnectionError("secret")))
    answer = await ask("/readyz")
    assert (answer.status, answer.said["failed"]) == (503, ["layer"])
    assert not layer.listening


async def test_a_layer_that_never_answers_is_not_waited_for(layer, impatient):
    async def stuck(channel, message):
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    layer.send = stuck
    assert (await ask("/readyz")).said["failed"] == ["layer"]
