"""What REDIS_URL may say, and what stops the start."""

from pathlib import Path

import pytest

from realtime.redis_address import Address, addresses


def only(value: str) -> Address:
    (address,) = addresses(value)
    return address


def test_several_with_commas_between_are_shards_in_their_order() -> None:
    hosts = [
        address.for_layer(socket_timeout=15) for address in addresses("redis://a/1, redis://b")
    ]
    assert hosts == [
        {"address": "redis://a/1", "socket_timeout": 15},
        {"address": "redis://b", "socket_timeout": 15},
    ]
    assert addresses("") == []


def test_a_password_may_have_a_comma() -> None:
    shards = addresses("rediss://:p,w@a:1/0,redis+sentinel://:p,w@b:1,c/chat/2")
    assert shards[0].connect_blocking().get_connection_kwargs()["password"] == "p,w"
    assert shards[1].for_layer()["password"] == "p,w"


def test_sentinels_name_the_redis_that_holds_the_password_and_database() -> None:
    url = "redis+sentinel://user:p%40ss@a:1,[::1]:2,c/chat/3?sentinel_password=other"
    host = only(url).for_layer(socket_timeout=15)
    assert host.pop("sentinel_kwargs")["password"] == "other"
    assert host == {
        "master_name": "chat",
        "sentinels": [("a", 1), ("::1", 2), ("c", 26379)],
        "db": 3,
        "username": "user",
        "password": "p@ss",
        "socket_timeout": 15,
    }
    assert only("redis+sentinel://a/chat").for_layer()["db"] == 0


def test_options_of_tls_are_those_of_the_client(tmp_path: Path) -> None:
    authority = tmp_path / "ca.crt"
    authority.touch()
    client = only(f"rediss://h/0?ssl_ca_certs={authority}").connect_blocking(socket_timeout=1)
    assert client.get_connection_kwargs()["ssl_ca_certs"] == str(authority)
    assert client.get_connection_kwargs()["socket_timeout"] == 1


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("banana", "begin"),
        ("unix:///redis.sock", "begin"),
        ("redis://", "host"),
        ("redis://h:secret", "host"),
        ("redis://h:99999", "host"),
        ("redis://h/secret", "database"),
        ("redis://h,banana", "host"),
        ("redis://h, banana://secret", "begin"),
        ("redis://h?banana=1", "option"),
        ("redis://h?ssl_ca_certs=/etc/hosts", "option"),
        ("redis://h?db=secret", "db"),
        ("rediss://h?ssl_ca_certs=/nowhere/ca.crt", "ssl_ca_certs"),
        ("redis+sentinel://secret@a,b", "service"),
        ("redis+sentinel://a,,b/chat", "host"),
        ("redis+sentinel://a/chat/secret", "database"),
        ("redis+sentinel://a/chat?db=1", "db"),
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_it(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        addresses(url)
    assert "secret" not in str(refused.value)


def test_an_address_is_not_shown_with_its_password() -> None:
    assert "secret" not in repr(addresses("redis://:secret@h,redis+sentinel://:secret@a/chat"))
