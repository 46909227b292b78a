"""Where a client calls from: nobody chooses that for themselves."""

from typing import Any

import pytest
from django.test import RequestFactory

from realtime import addresses

PEER = "192.0.2.1"


def address(settings: Any, proxies: int, *forwarded: str, peer: str = PEER) -> str:
    settings.TRUSTED_PROXIES = proxies
    return addresses.client_address(peer, forwarded)


@pytest.mark.parametrize(
    "told", ["198.51.100.7", "198.51.100.7, 203.0.113.9", "", "x", "127.0.0.1"]
)
def test_without_proxies_what_is_told_is_ignored(settings: Any, told: str) -> None:
    assert address(settings, 0, told) == PEER


def test_a_host_that_says_nothing_has_no_proxies(settings: Any) -> None:
    del settings.TRUSTED_PROXIES
    assert addresses.client_address(PEER, ["198.51.100.7"]) == PEER


@pytest.mark.parametrize(
    ("proxies", "forwarded", "found"),
    [
        (1, ["198.51.100.7"], "198.51.100.7"),
        (1, ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (1, ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        (2, ["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (2, ["1.1.1.1", " 198.51.100.7 ,, 10.0.0.2 "], "198.51.100.7"),
        (3, ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        (1, [], PEER),
        (1, ["", " , "], PEER),
    ],
)
def test_each_proxy_counts_from_the_right(
    settings: Any, proxies: int, forwarded: list[str], found: str
) -> None:
    assert address(settings, proxies, *forwarded) == found


def test_whoever_writes_more_to_the_left_stays_who_they_are(settings: Any) -> None:
    spoofed = [f"{n}.{n}.{n}.{n}, 198.51.100.7" for n in range(50)]
    assert {address(settings, 1, told) for told in spoofed} == {"198.51.100.7"}


@pytest.mark.parametrize("told", ["unknown", "_hidden", "999.1.1.1", "é", "\0", "<script>"])
def test_what_is_no_address_is_the_proxy_itself(settings: Any, told: str) -> None:
    assert address(settings, 1, told) == PEER


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", PEER),
        (f"{PEER}:5000", PEER),
        ("", ""),
        ("/run/site.sock", ""),
    ],
)
def test_an_address_is_what_one_customer_is_given(settings: Any, peer: str, found: str) -> None:
    assert address(settings, 0, peer=peer) == found


def test_sockets_and_requests_come_from_the_same_place(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    told = "1.1.1.1, 198.51.100.7"
    request = RequestFactory().get("/", headers={"X-Forwarded-For": told}, REMOTE_ADDR=PEER)
    scope = {"client": [PEER, 5000], "headers": [(b"x-forwarded-for", told.encode())]}
    assert addresses.of_request(request) == addresses.of_scope(scope) == "198.51.100.7"
    settings.TRUSTED_PROXIES = 0
    assert addresses.of_request(request) == addresses.of_scope(scope) == PEER


@pytest.mark.parametrize("client", [None, [None, None], ["", 0]])
def test_a_socket_file_has_no_address(client: Any) -> None:
    assert addresses.of_scope({"client": client, "headers": []}) == ""
    assert addresses.of_scope({"headers": []}) == ""
