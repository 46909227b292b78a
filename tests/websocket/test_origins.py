"""From which pages a socket is opened."""

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator

from accounts.sockets import SocketAuthentication
from realtime.testing import TIMEOUT
from tests.handshakes import (
    OWN,
    SITE,
    Door,
    access_of,
    bearer,
    cookie,
    shown,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


FOREIGN = {
    "no page": "null",
    "empty": "",
    "another scheme": f"https://{SITE}",
    "another port": f"http://{SITE}:8000",
    "a subdomain": f"http://a.{SITE}",
    "a parent": "http://example",
    "an evil prefix": f"http://evil{SITE}",
    "an evil suffix": f"http://{SITE}.evil.example",
    "a trailing dot": f"http://{SITE}.",
    "a trailing dot and port": f"http://{SITE}.:80",
    "its looks in Punycode": "http://xn--cht-8cd.example",
    "its looks in wide letters": "http://\uff43hat.example",
    "a file": "file://",
    "an extension": "chrome-extension://abcdef",
    "null in capitals": "NULL",
    "a user": f"http://{SITE}@evil.example",
    "our name as user": f"http://evil.example@{SITE}",
    "a path": f"http://{SITE}/",
    "a query": f"http://{SITE}?",
    "another protocol": f"ftp://{SITE}",
    "no protocol": SITE,
    "a port that is none": f"http://{SITE}:x",
    "a port beyond all": f"http://{SITE}:99999",
    "half an address": "http://[::1",
    "other letters": "http://ch\u0430t.example",
    "two in one": f"http://{SITE} http://{SITE}",
    "a tab": f"http://{SITE}\t",
}


@pytest.mark.parametrize("kind", FOREIGN)
async def test_a_foreign_origin_is_kept_outside(kind):
    assert await shown(("origin", FOREIGN[kind])) is None


async def test_a_foreign_origin_is_kept_outside_whatever_it_shows(ada, session):
    access = await sync_to_async(access_of)(ada)
    assert await shown(("origin", "http://evil.example"), bearer(access)) is None
    assert await shown(("origin", "http://evil.example"), cookie(session)) is None


async def test_two_origins_are_one_too_many():
    assert await shown(OWN, OWN) is None


async def test_a_foreign_page_sees_http_403():
    socket = WebsocketCommunicator(
        SocketAuthentication(Door.as_asgi()),
        "/ws/x/",
        headers=[(b"host", SITE.encode()), (b"origin", b"http://evil.example")],
    )
    connected, _ = await socket.connect(timeout=TIMEOUT)
    assert not connected


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        (f"http://{SITE}", SITE, "ws"),
        (f"http://{SITE}", f"{SITE}:80", "ws"),
        (f"http://{SITE}:80", SITE, "ws"),
        (f"https://{SITE}", f"{SITE}:443", "wss"),
        (f"http://{SITE}:8000", f"{SITE}:8000", "ws"),
        (f"http://{SITE.upper()}", SITE, "ws"),
    ],
)
async def test_the_sites_own_origin_comes_in(origin, host, scheme):
    assert await shown(("origin", origin), host=host, scheme=scheme) is not None


async def test_an_ipv6_site_has_an_origin_too(settings):
    settings.ALLOWED_HOSTS = ["[::1]"]
    assert await shown(("origin", "http://[::1]:8000"), host="[::1]:8000") is not None


@pytest.mark.parametrize("host", ["evil.example", "", f"{SITE}/x", f"{SITE}:x", f"a@{SITE}", "["])
async def test_a_host_that_is_not_ours_makes_no_origin_our_own(host):
    assert await shown(("origin", f"http://{host}"), host=host) is None


async def test_any_host_allowed_does_not_mean_any_origin(settings):
    settings.ALLOWED_HOSTS = ["*"]
    assert await shown(OWN) is not None
    assert await shown(("origin", "http://evil.example")) is None


async def test_a_trusted_origin_comes_in(settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://app.example:8443", "https://*.team.example"]
    assert await shown(("origin", "https://app.example:8443")) is not None
    assert await shown(("origin", "https://a.b.team.example")) is not None
    for origin in (
        "https://app.example",
        "http://app.example:8443",
        "https://team.example",
        "https://evilteam.example",
        "http://a.team.example",
        "https://a.team.example:8443",
    ):
        assert await shown(("origin", origin)) is None


@pytest.mark.parametrize("told", ["https", "wss", "https, http"])
async def test_a_trusted_proxy_tells_the_scheme(told, settings):
    told = ("x-forwarded-proto", told)
    assert await shown(("origin", f"https://{SITE}"), told) is None
    settings.TRUSTED_PROXIES = 1
    assert await shown(("origin", f"https://{SITE}"), told) is not None
    assert await shown(OWN, told) is None
