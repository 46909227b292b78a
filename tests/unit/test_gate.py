"""Who comes too often, or has too many, is told before anybody is asked who they are."""

import asyncio
import itertools
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from realtime import gate as module
from realtime.gate import Gate
from realtime.limits import Rates
from realtime.per_loop import PerLoop
from realtime.places import Places, places

PEER = "192.0.2.1"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(module, "MAX_SOCKETS", 0)
    settings.TRUSTED_PROXIES = 0


class Site:
    """What is behind the gate: sockets stay until they are let go, and no time passes."""

    def __init__(self, **services: Any) -> None:
        self.gate = Gate(self._inner, **{"rates": Rates(lambda: 0.0), **services})
        self.over = asyncio.Event()
        self.inside = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def _inner(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        await self.over.wait()

    async def come(self, peer: str | None = PEER, **headers: str) -> list[dict[str, Any]]:
        """What is sent to the one that comes; nothing if they were let in."""
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/ws/echo/",
            "client": peer and [peer, 5000],
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
        }
        before = self.inside
        task = asyncio.create_task(self.gate(scope, lambda: None, send))  # type: ignore[arg-type, return-value]
        self.tasks.append(task)
        async with asyncio.timeout(60):
            while not task.done() and self.inside == before:  # noqa: ASYNC110 - in memory
                await asyncio.sleep(0)
        return sent

    async def inside_of(self, attempts: int, **kwargs: Any) -> int:
        return [await self.come(**kwargs) for _ in range(attempts)].count([])

    async def leave(self) -> None:
        self.over.set()
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def site() -> Site:
    return Site()


def told(sent: list[dict[str, Any]]) -> tuple[str, int, float]:
    accept, error, close = sent
    assert accept == {"type": "websocket.accept"}
    frame = msgspec.json.decode(error["text"])
    assert frame["type"] == "error"
    assert type(close["code"]) is int
    return frame["code"], close["code"], frame["retry_after"]


async def test_without_limits_everybody_comes_in(site: Site) -> None:
    assert await site.inside_of(500) == 500
    await site.leave()


async def test_at_ten_times_the_rate_the_burst_gets_in_and_the_rest_are_told_when(
    site: Site, settings: Any
) -> None:
    settings.LIMIT_HANDSHAKES_PER_SECOND = 1
    assert await site.inside_of(2) == 2
    answers = [told(await site.come()) for _ in range(20)]
    assert {answer[:2] for answer in answers} == {("rate_limited", 4429)}
    waits = [answer[2] for answer in answers]
    assert len(set(waits)) > 10  # spread
    assert all(0.5 <= wait <= 7 for wait in waits)
    assert site.inside == 2
    assert await site.inside_of(2, peer="192.0.2.2") == 2
    await site.leave()


async def test_an_address_has_so_many_sockets_and_they_are_free_again(
    site: Site, settings: Any
) -> None:
    settings.LIMIT_SOCKETS_PER_ADDRESS = 3
    assert await site.inside_of(30) == 3
    code, close, wait = told(await site.come())
    assert (code, close) == ("rate_limited", 4429)
    assert 5 <= wait <= 15.001
    assert await site.inside_of(30, peer="192.0.2.2") == 3
    await site.leave()
    site.over.clear()
    assert await site.inside_of(30) == 3
    await site.leave()


async def test_a_socket_that_ends_badly_gives_its_place_back_too(settings: Any) -> None:
    settings.LIMIT_SOCKETS_PER_ADDRESS = 1

    async def inner(*_: Any) -> None:
        raise LookupError

    gate = Gate(inner)
    for _ in range(3):
        with pytest.raises(LookupError):
            await gate({"client": [PEER, 1], "headers": []}, None, None)  # type: ignore[arg-type]
    assert places.get()._here == {}
    assert gate._open == 0


async def test_a_spoofed_header_does_not_make_another_address(site: Site, settings: Any) -> None:
    settings.LIMIT_SOCKETS_PER_ADDRESS = 3
    got = [await site.come(x_forwarded_for=f"198.51.100.{n}") for n in range(20)]
    assert got.count([]) == 3
    await site.leave()


async def test_behind_a_proxy_people_are_told_apart(site: Site, settings: Any) -> None:
    settings.LIMIT_SOCKETS_PER_ADDRESS = 1
    settings.TRUSTED_PROXIES = 1
    got = [await site.come(x_forwarded_for=f"1.1.1.1, 198.51.100.{n}") for n in (1, 2, 1, 2)]
    assert got[:2] == [[], []]
    assert told(got[2])[1] == told(got[3])[1] == 4429
    await site.leave()


@pytest.mark.parametrize("peer", [None, ""])
async def test_who_has_no_address_is_not_counted_by_it(
    site: Site, settings: Any, peer: str | None
) -> None:
    settings.LIMIT_SOCKETS_PER_ADDRESS = settings.LIMIT_HANDSHAKES_PER_SECOND = 1
    assert await site.inside_of(20, peer=peer) == 20
    await site.leave()


async def test_a_full_process_sends_the_others_away_and_takes_them_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SOCKETS", 5)
    assert await site.inside_of(5) == 5
    answers = [told(await site.come(peer=f"192.0.2.{n}")) for n in range(20)]
    assert {answer[:2] for answer in answers} == {("unavailable", 4503)}
    assert len({answer[2] for answer in answers}) > 10  # spread
    await site.leave()
    site.over.clear()
    assert await site.inside_of(5) == 5
    await site.leave()


async def test_two_workers_count_an_address_together(
    redis_client: Redis, site: Site, settings: Any
) -> None:
    settings.LIMIT_HANDSHAKES_PER_SECOND = 0.001  # Redis's clock goes on: one in 1000 s
    assert await site.inside_of(1) == 1
    other = Site()  # with rates of its own, as another worker has them
    assert await other.inside_of(10) == 0
    await site.leave()
    await other.leave()


async def test_a_gate_counts_with_what_it_is_given(settings: Any) -> None:
    settings.LIMIT_HANDSHAKES_PER_SECOND = 1
    settings.LIMIT_SOCKETS_PER_ADDRESS = 3
    seconds = itertools.count()
    own: PerLoop[Places] = PerLoop(Places)
    site = Site(rates=Rates(lambda: float(next(seconds))), places=own)
    assert await site.inside_of(5) == 3
    assert own.get()._here == {f"address:{PEER}": 3}
    assert not places.get()._here
    await site.leave()
