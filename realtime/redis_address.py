"""What REDIS_URL says: which Redis, or which Sentinels know it, once for each shard.

    redis://[user:password@]host[:port][/db][?option=…]
    rediss://…                                            the same over TLS
    redis+sentinel://[user:password@]host[:port],…/service[/db][?option=…]

Several with commas between are shards. Options are those of redis-py, such as `ssl_ca_certs`;
`sentinel_username` and `sentinel_password` are for the Sentinels themselves.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from redis import Redis as BlockingRedis
from redis import Sentinel as BlockingSentinel
from redis.asyncio import ConnectionPool, Redis, Sentinel

DIRECT = ("redis", "rediss")
SENTINEL = "redis+sentinel"
SENTINEL_PORT = 26379
SENTINEL_TIMEOUT = 0.5  # seconds, of each that is asked where Redis is
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_ca_path")
# Hosts of Sentinels and passwords may have commas too: only one before a scheme divides shards.
_BETWEEN_SHARDS = re.compile(r"\s*,\s*(?=[A-Za-z][A-Za-z0-9+]*://)")


class Watched(NamedTuple):
    """The Redis that Sentinels call by this name."""

    service: str
    sentinels: list[tuple[str, int]]
    sentinel_options: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """One Redis: by its `url`, or `watched` by Sentinels and opened with `options`."""

    url: str = field(default="", repr=False)
    watched: Watched | None = field(default=None, repr=False)
    options: dict[str, Any] = field(default_factory=dict, repr=False)

    def for_layer(self, **options: Any) -> dict[str, Any]:
        """One of channels_redis's `hosts`."""
        if self.watched is None:
            return {"address": self.url, **options}
        return {
            "master_name": self.watched.service,
            "sentinels": self.watched.sentinels,
            "sentinel_kwargs": self.watched.sentinel_options,
            **self.options,
            **options,
        }

    def connect(self, client: type[Redis] = Redis, **options: Any) -> Redis:
        if self.watched is None:
            return client.from_url(self.url, **options)
        service, hosts, known = self.watched
        sentinel = Sentinel(hosts, sentinel_kwargs=known)
        return sentinel.master_for(service, redis_class=client, **self.options, **options)

    def connect_blocking(self, **options: Any) -> BlockingRedis:
        if self.watched is None:
            return BlockingRedis.from_url(self.url, **options)
        service, hosts, known = self.watched
        sentinel = BlockingSentinel(hosts, sentinel_kwargs=known)
        return sentinel.master_for(service, **self.options, **options)


def addresses(value: str) -> list[Address]:
    """Raises ValueError, whose words never repeat the URL: it may hold a password."""
    return [_address(url) for url in _BETWEEN_SHARDS.split(value.strip()) if url]


def _address(url: str) -> Address:
    scheme, between, _ = url.partition("://")
    if not between or scheme not in (*DIRECT, SENTINEL):
        raise ValueError("must begin with redis://, rediss:// or redis+sentinel://")
    return _watched(url) if scheme == SENTINEL else _direct(url)


def _direct(url: str) -> Address:
    parts = urlsplit(url)
    _host(parts.netloc.rpartition("@")[2], default=6379)
    _number(parts.path.strip("/") or "0")
    _check_files(dict(parse_qsl(parts.query)))
    _check_options(ConnectionPool.from_url(url))
    return Address(url=url)


def _watched(url: str) -> Address:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    service, _, database = parts.path.strip("/").partition("/")
    if not service:
        raise ValueError("must name the service that the Sentinels watch: …/service/db")
    query = dict(parse_qsl(parts.query))
    known: dict[str, Any] = {
        name: query.pop(f"sentinel_{name}")
        for name in ("username", "password")
        if f"sentinel_{name}" in query
    }
    if query:
        raise ValueError(f"has an unknown option, {next(iter(query))}")
    timeouts = {"socket_timeout": SENTINEL_TIMEOUT, "socket_connect_timeout": SENTINEL_TIMEOUT}
    sentinels = [_host(host, default=SENTINEL_PORT) for host in hosts.split(",")]
    given = {"username": unquote(user), "password": unquote(password)}
    return Address(
        watched=Watched(service, sentinels, known | timeouts),
        options={"db": _number(database or "0")} | {k: v for k, v in given.items() if v},
    )


def _host(text: str, *, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or re.search(r"[,\s]", text):
        raise ValueError("must name a host, with a port after a colon or without")
    return host, port or default


def _number(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("must end in the number of a database, such as /0")
    return int(text)


def _check_files(query: dict[str, str]) -> None:
    for name in FILES:
        if name in query and not Path(query[name]).exists():
            raise ValueError(f"names a file in {name} that is not there")


def _check_options(pool: ConnectionPool) -> None:
    """An option that the connection does not know would be found at the first use only."""
    try:
        pool.connection_class(**pool.connection_kwargs)
    except Exception as error:
        raise ValueError("has an option that redis-py does not take") from error
