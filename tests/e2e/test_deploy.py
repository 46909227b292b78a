"""The files of deploy/, run as they are: the site behind nginx and Caddy, under TLS."""

import asyncio
import http.client
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from soak.services import running
from tests.e2e.client import LATE, PATIENCE, Visitor, connected, raw
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.proxies import Caddy, Nginx, Proxy
from tests.e2e.workers import Site

GUESTS_PER_MINUTE = 20
OTHERS = ["admin", "drf_spectacular_sidecar", "rest_framework"]


@pytest.fixture(scope="module")
def site(small_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """As docs/deploy.md has it: DEBUG off, HTTPS on, one proxy."""
    directory = tmp_path_factory.mktemp("deployed")
    site = small_site.copied_to(directory)
    site.environment |= {
        "DEBUG": "off",
        "TRUSTED_PROXIES": "1",
        "STATIC_ROOT": str(directory / "static"),
        "LIMIT_GUESTS_PER_MINUTE": str(GUESTS_PER_MINUTE),
    }
    # Compressing what others wrote takes a minute, and no page here asks for it.
    site.manage("collectstatic", "--noinput", *(f"--ignore={name}" for name in OTHERS))
    return site


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[Production]:
    server = Production(site, "behind-a-proxy")
    with running(server):
        yield server


@pytest.fixture(scope="module", params=[Nginx, Caddy])
def proxy(request: pytest.FixtureRequest, site: Site, server: Production) -> Iterator[Proxy]:
    proxy = request.param(site, upstream=server)
    with running(proxy):
        yield proxy


@pytest.fixture(scope="module")
def people(site: Site, proxy: Proxy) -> list[Visitor]:
    """Two, who came through the proxy."""
    served = Served(site, [proxy])
    return asyncio.run(served.guests("Ann", "Ben"))


def through(proxy: Proxy, path: str, visitor: Visitor, **options: Any) -> Any:
    return connected(proxy, path, token=visitor.access, ssl=proxy.tls, **options)


def ask(
    proxy: Proxy,
    method: str,
    path: str,
    body: Any = None,
    *,
    source: str = "127.0.0.1",
    **headers: str,
) -> http.client.HTTPResponse:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", proxy.port, context=proxy.tls, timeout=20, source_address=(source, 0)
    )
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    return connection.getresponse()


async def test_two_people_talk_in_a_room_through_the_proxy(
    proxy: Proxy, people: list[Visitor]
) -> None:
    ann, ben = people
    async with (
        through(proxy, "/ws/chat/general/", ann) as at_ann,
        through(proxy, "/ws/chat/general/", ben) as at_ben,
    ):
        for number in range(20):
            await at_ann.say(f"m{number}", f"{proxy.name}{number}")
            await at_ben.until("message", text=f"m{number}")
        await at_ben.say("<" * 8000, f"{proxy.name}-large")
        assert len((await at_ann.until("message", text="<" * 8000))["text"]) == 8000
        await at_ben.send(type="event", name="move", data={"x": 1})
        await at_ann.until("event", name="move")


async def test_close_codes_come_through(proxy: Proxy, people: list[Visitor]) -> None:
    async with through(proxy, "/ws/chat/nowhere/", people[0]) as socket:
        assert await socket.closed() == 4404


async def test_pages_of_the_site_itself_open_sockets_and_those_of_others_do_not(
    proxy: Proxy, people: list[Visitor]
) -> None:
    path, token = "/ws/notifications/", people[0].access
    async with raw(proxy, path, token=token, ssl=proxy.tls, origin=proxy.http) as own:
        assert json.loads(await own.recv())["type"] == "welcome"
    for origin in (
        proxy.http.replace("https", "http"),
        "https://127.0.0.1",
        "https://evil.example",
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with raw(proxy, path, token=token, ssl=proxy.tls, origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_an_idle_socket_outlives_the_timeouts_of_the_proxy_by_its_pings(
    proxy: Proxy, people: list[Visitor]
) -> None:
    """A ping of the server comes through within 10 s, and its answer goes back."""
    async with raw(proxy, "/ws/notifications/", token=people[0].access, ssl=proxy.tls) as socket:
        pinged = asyncio.Event()
        take = socket.protocol.recv_frame

        def watch(frame: Any) -> None:
            if frame.opcode.name == "PING":
                pinged.set()
            take(frame)

        socket.protocol.recv_frame = watch  # type: ignore[method-assign]
        await asyncio.wait_for(pinged.wait(), 10 + LATE)
        pong = await socket.ping()
        await asyncio.wait_for(pong, PATIENCE)


def test_a_body_that_is_too_large_is_413(proxy: Proxy) -> None:
    answer = ask(proxy, "POST", "/api/guest/", b"x" * (1024 * 1024 + 1))
    assert answer.status == 413
    assert json.load(answer)["code"] == "too_long"


def test_static_files_are_the_proxys_and_hashed_ones_are_for_ever(proxy: Proxy) -> None:
    manifest = json.loads(Path(proxy.static, "staticfiles.json").read_text())
    hashed = manifest["paths"]["js/models/socket.js"]
    answer = ask(proxy, "GET", f"/static/{hashed}", **{"Accept-Encoding": "gzip"})
    assert answer.status == 200
    assert "javascript" in (answer.getheader("Content-Type") or "")
    assert answer.getheader("Content-Encoding") == "gzip"
    assert "immutable" in (answer.getheader("Cache-Control") or "")
    assert answer.getheader("X-Content-Type-Options") == "nosniff"
    plain = ask(proxy, "GET", "/static/js/models/socket.js")
    assert (plain.status, plain.getheader("Cache-Control")) == (200, "public, max-age=60")
    for outside in ("/static/../db.sqlite3", "/static/%2e%2e/db.sqlite3", "/static../db.sqlite3"):
        assert ask(proxy, "GET", outside).status in {400, 404}


def test_who_vouches_for_the_site_is_answered_over_plain_http_and_others_are_sent_on(
    site: Site, server: Production
) -> None:
    """certbot's renewal, while nginx has the port."""
    proxy = Nginx(site, upstream=server)
    challenge = proxy.webroot / ".well-known/acme-challenge/token"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("proof")
    with running(proxy):
        found = []
        for path in ("/.well-known/acme-challenge/token", "/", "/.well-known/acme-challenge/none"):
            connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port, timeout=20)
            connection.request("GET", path)
            answer = connection.getresponse()
            found.append((answer.status, answer.read() if answer.status == 200 else b""))
    assert found == [(200, b"proof"), (308, b""), (404, b"")]


def test_pages_come_under_https_and_without_a_loop(proxy: Proxy) -> None:
    answer = ask(proxy, "GET", "/")
    assert answer.status == 200
    assert "Strict-Transport-Security" in answer.headers
    assert "Secure" in str(answer.headers)


def test_the_client_is_who_connects_to_the_proxy_whatever_it_claims(proxy: Proxy) -> None:
    def come(source: str, claimed: str) -> int:
        headers = {"X-Forwarded-For": claimed, "Forwarded": f"for={claimed}", "X-Real-IP": claimed}
        body = json.dumps({"name": "Eve"})
        return ask(proxy, "POST", "/api/guest/", body, source=source, **headers).status

    address = {"nginx": "127.0.0.7", "caddy": "127.0.0.8"}[proxy.name]
    # A slow machine is let in some more times meanwhile: one each 3 s.
    answers = [come(address, f"192.0.2.{number}") for number in range(2 * GUESTS_PER_MINUTE)]
    assert answers[:GUESTS_PER_MINUTE] == [201] * GUESTS_PER_MINUTE
    assert 429 in answers
    assert come(address.replace("127.0.0.", "127.0.1."), address) == 201


def test_metrics_are_not_for_whoever_comes_through_the_proxy(proxy: Proxy) -> None:
    assert ask(proxy, "GET", "/metrics").status == 403
    assert ask(proxy, "GET", "/healthz").status == 200


# --- under systemd ---


class Activated(Production):
    """Started as systemd starts it: it listens already, on descriptor 3."""

    def __init__(self, site: Site) -> None:
        super().__init__(site, "activated")
        self.listening = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.listening.set_inheritable(True)

    @property
    def command(self) -> list[str]:
        serve = [sys.executable, "manage.py", "serve", "--fd", "3", "--workers", "1"]
        prepared = 'exec 3<&"$0"; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        return ["bash", "-c", prepared, str(self.listening.fileno()), *serve]

    @property
    def passed(self) -> tuple[int, ...]:
        return (self.listening.fileno(),)


def test_who_comes_while_the_service_starts_waits_on_systemds_socket(site: Site) -> None:
    server = Activated(site)
    with server.listening, socket.create_connection(("127.0.0.1", server.port)) as early:
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with running(server):
            early.settimeout(PATIENCE)
            assert early.recv(64).startswith(b"HTTP/1.1 200 ")
            assert len(server.worker_pids()) == 1
