"""What a real server logs: whose each line is, and no secret."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import WebSocketException

from soak.services import eventually
from tests.e2e.client import PATIENCE, call, connected, guest
from tests.e2e.conftest import Served
from tests.e2e.workers import Site, Worker

BODY = "a-body-that-nobody-may-log"
PASSWORD = "a-password-that-nobody-may-log"
KEY = "a-key-that-nobody-may-log"
FORGED = "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl"


class Logged:
    """The lines of one worker."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    @property
    def text(self) -> str:
        return self._worker.log.read_text()

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        ended, _, _ = self.text.rpartition("\n")  # the last may be half written
        found = [json.loads(line) for line in ended.splitlines() if line.startswith("{")]
        return [line for line in found if fields.items() <= line.items()]

    def line(self, **fields: Any) -> dict[str, Any]:
        eventually(
            lambda: bool(self.lines(**fields)), within=PATIENCE, what=f"a line with {fields}"
        )
        return self.lines(**fields)[0]


@pytest.fixture
def worker(own_site: Site, serve: Callable[..., Served]) -> Worker:
    """As in production, but that it says all it can."""
    own_site.environment |= {"DEBUG": "off", "HTTPS": "off", "LOG_LEVEL": "DEBUG"}
    return serve(Worker(own_site, "logging", fault="handlers-raise")).first


async def test_no_secret_is_logged_and_every_line_says_whose_it_is(worker: Worker) -> None:
    logged = Logged(worker)
    ann = await guest(worker, "Ann")
    _, given = await call(worker, "POST", "/api/ws-ticket/", token=ann.access)
    wrong = {"username": "staff", "password": PASSWORD}
    assert (await call(worker, "POST", "/api/token/", **wrong)).status == 401
    room = "/ws/chat/general/"
    ticket = given["ticket"]
    async with connected(worker, f"{room}?ticket={ticket}") as socket:
        assert socket.welcome
    async with connected(worker, f"{room}?ticket={ticket}") as socket:
        assert await socket.closed() == 4401  # it has been used
    for headers in ({"X-API-Key": KEY}, {"Authorization": f"Bearer {FORGED}"}):
        async with connected(worker, room, headers=headers) as socket:
            assert await socket.closed() == 4401
    async with connected(worker, room, token=ann.access) as socket:
        await socket.send(type="event", name="fail", data=BODY, ref="e")
        await socket.until("error", ref="e")
        await socket.say(BODY, "1")
        await socket.until("sent")
        connection_id = socket.welcome["connection_id"]
    with pytest.raises(WebSocketException):
        async with connected(worker, f"{room}?ticket={ticket}", origin="http://evil.example"):
            pass
    body = {"text": BODY, "client_id": BODY}
    path = "/api/rooms/no-such-room/messages/"
    assert (await call(worker, "POST", path, token=ann.access, **body)).status == 404
    assert (await call(worker, "POST", "/api/orders/", token=ann.access)).status == 403
    failing = "/api/rooms/general/leave/"
    assert (await call(worker, "POST", failing, token=ann.access, text=BODY)).status == 500

    failed = logged.line(event="handler_failed")
    assert (failed["connection_id"], failed["user"]) == (connection_id, ann.id)
    assert failed["path"] == room
    assert "Traceback" in failed["exception"]
    missing = logged.line(event=f"Not Found: {path}")
    assert (missing["path"], missing["user"]) == (path, ann.id)
    assert missing["request_id"]
    denied = logged.line(event="Forbidden: /api/orders/")
    assert denied["user"] == ann.id
    assert "exception" not in denied
    broken = logged.line(event="Internal Server Error: /api/rooms/general/leave/")
    assert (broken["user"], broken["level"]) == (ann.id, "error")
    assert "Traceback" in broken["exception"]
    await asyncio.to_thread(worker.stop)
    for secret in (BODY, PASSWORD, KEY, FORGED, ticket, ann.access):
        assert secret not in logged.text


async def test_a_ticket_in_the_url_of_a_page_is_not_logged_by_our_server(small: Served) -> None:
    """Plain daphne writes an access log of its own, with the URLs of pages."""
    logged = small.first.log
    await call(small.first, "GET", "/api/rooms/?after=1&ticket=a-ticket-of-the-url")
    written = lambda: "?after=1&ticket=[secret]" in logged.read_text()  # noqa: E731
    eventually(written, within=PATIENCE, what="the line")
    assert "a-ticket-of-the-url" not in logged.read_text()
