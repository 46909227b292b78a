"""Leases of presence, in the process and in a real Redis."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from realtime import presence_store as module
from realtime import redis
from realtime.frames import Person
from realtime.presence_store import MemoryPresence, PresenceStore, RedisPresence

GROUP = "room.1"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this module's own, which keeps nothing on disk."""
    program = shutil.which("redis-server")
    assert program, "redis-server is needed: see `make test`"
    port = free_port()
    where: Path = tmp_path_factory.mktemp("redis")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(where)]
    command = [program, *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert server.stdout
    assert any("Ready to accept connections" in line for line in server.stdout)
    yield f"redis://127.0.0.1:{port}"
    server.terminate()
    server.communicate(timeout=10)


@pytest.fixture
async def client(redis_url: str, settings: Any) -> AsyncIterator[Redis]:
    """An empty Redis, as the engine's own connections see it."""
    settings.REDIS_URL = redis_url
    client = redis.clients.get()
    await client.flushall()
    yield client
    redis.clients.forget(client)
    await client.aclose()


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, client: Redis) -> PresenceStore:
    return MemoryPresence() if request.param == "memory" else RedisPresence()


def someone(number: int = 1, name: str = "") -> Person:
    return Person(id=str(number), name=name or f"P{number}")


# --- both ---


async def test_a_lease_is_taken_once_and_renewed_in_silence(store: PresenceStore) -> None:
    assert await store.take(GROUP, [someone(1), someone(2)]) == ([someone(1), someone(2)], [])
    assert await store.take(GROUP, [someone(1), someone(2)]) == ([], [])
    assert await store.count(GROUP) == 2
    assert sorted(p.id for p in await store.people(GROUP)) == ["1", "2"]


async def test_the_last_lease_that_is_given_back_is_the_end(store: PresenceStore) -> None:
    await store.take(GROUP, [someone(1), someone(2)])
    assert await store.give_back(GROUP, "1")
    assert not await store.give_back(GROUP, "1")
    assert not await store.give_back(GROUP, "9")
    assert await store.people(GROUP) == [someone(2)]


async def test_groups_are_apart(store: PresenceStore) -> None:
    await store.take(GROUP, [someone(1)])
    await store.take("room.2", [someone(2)])
    assert not await store.give_back("room.2", "1")
    assert await store.people(GROUP) == [someone(1)]
    assert await store.count("room.3") == 0
    assert await store.people("room.3") == []


async def test_a_renewal_brings_the_new_name(store: PresenceStore) -> None:
    await store.take(GROUP, [someone(1)])
    assert await store.take(GROUP, [someone(1, "Zoë 😀")]) == ([], [])
    assert await store.people(GROUP) == [someone(1, "Zoë 😀")]


async def test_nobody_takes_nothing(store: PresenceStore) -> None:
    assert await store.take(GROUP, []) == ([], [])
    assert await store.count(GROUP) == 0


async def test_a_guest_is_a_guest(store: PresenceStore) -> None:
    guest = Person(id="1", name="G", guest=True)
    assert (await store.take(GROUP, [guest])).joined == [guest]
    assert await store.people(GROUP) == [guest]


async def test_a_person_may_have_any_id_and_name(store: PresenceStore) -> None:
    odd = [Person(id="a|b", name="|"), Person(id="a", name='"{}\\'), Person(id="é", name="\n")]
    await store.take(GROUP, odd)
    for person in odd:
        assert await store.give_back(GROUP, person.id)
    assert await store.count(GROUP) == 0


async def test_when_all_are_gone_nothing_is_left(store: PresenceStore) -> None:
    await store.take(GROUP, [someone(1)])
    await store.give_back(GROUP, "1")
    if isinstance(store, MemoryPresence):
        assert not store._groups
    else:
        assert await redis.clients.get().keys("presence:*") == []


# --- several processes ---


async def test_a_person_in_two_processes_is_one_and_leaves_with_the_last(client: Redis) -> None:
    one, two = RedisPresence(), RedisPresence()
    assert (await one.take(GROUP, [someone()])).joined == [someone()]
    assert (await two.take(GROUP, [someone()])).joined == []
    assert await one.count(GROUP) == 1
    assert not await one.give_back(GROUP, "1")
    assert await two.count(GROUP) == 1
    assert await two.give_back(GROUP, "1")


async def until_expired(seconds: float) -> None:
    await asyncio.sleep(seconds + 0.05)  # Redis's clock is not ours to turn


async def test_the_people_of_a_dead_process_are_told_as_left_by_another_once(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, one, two = RedisPresence(), RedisPresence(), RedisPresence()
    monkeypatch.setattr(module, "LEASE", 0.1)
    await dead.take(GROUP, [someone(1), someone(2)])
    monkeypatch.setattr(module, "LEASE", 15.0)
    await one.take(GROUP, [someone(2), someone(3)])
    assert await one.count(GROUP) == 3
    await until_expired(0.1)
    assert await one.take(GROUP, [someone(2), someone(3)]) == ([], [someone(1)])
    assert (await two.take(GROUP, [])).left == []
    assert sorted(p.id for p in await one.people(GROUP)) == ["2", "3"]


async def test_a_lease_that_is_renewed_does_not_run_out(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, other = RedisPresence(), RedisPresence()
    monkeypatch.setattr(module, "LEASE", 0.4)
    await alive.take(GROUP, [someone(1)])
    await until_expired(0.2)
    assert await alive.take(GROUP, [someone(1)]) == ([], [])
    await until_expired(0.2)
    assert (await other.take(GROUP, [someone(2)])).left == []


async def test_a_process_that_slept_through_its_leases_renews_them_in_silence(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper = RedisPresence()
    monkeypatch.setattr(module, "LEASE", 0.05)
    await sleeper.take(GROUP, [someone(1)])
    await until_expired(0.05)
    assert await sleeper.take(GROUP, [someone(1)]) == ([], [])
    assert await sleeper.count(GROUP) == 1


async def test_one_whose_leases_were_ended_by_others_comes_back_as_new(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeper, other = RedisPresence(), RedisPresence()
    monkeypatch.setattr(module, "LEASE", 0.05)
    await sleeper.take(GROUP, [someone(1)])
    await until_expired(0.05)
    assert (await other.take(GROUP, [])).left == [someone(1)]
    assert not await sleeper.give_back(GROUP, "1")
    assert (await sleeper.take(GROUP, [someone(1)])).joined == [someone(1)]


async def test_the_workers_clocks_do_not_count(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, other = RedisPresence(), RedisPresence()
    monkeypatch.setattr("time.time", lambda: 4e9)
    await ahead.take(GROUP, [someone(1)])
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert (await other.take(GROUP, [someone(2)])).left == []


async def test_many_are_taken_in_one_go(client: Redis) -> None:
    people = [someone(number) for number in range(2000)]
    one = RedisPresence()
    assert len((await one.take(GROUP, people)).joined) == 2000
    assert await one.count(GROUP) == 2000


async def test_the_three_keys_of_a_group_are_kept_on_one_node_of_a_cluster(client: Redis) -> None:
    await RedisPresence().take(GROUP, [someone(1)])
    keys = sorted(key.decode() for key in await client.keys("*"))
    assert keys == [f"presence:{{{GROUP}}}:{name}" for name in ("counts", "leases", "people")]


async def test_redis_away_is_told_by_raising(settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    store = RedisPresence()
    with pytest.raises(RedisAway):
        await store.take(GROUP, [someone(1)])
    redis.clients.forget(redis.clients.get())


def test_the_store_is_redis_where_one_is_configured(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert isinstance(module.presence_store(), MemoryPresence)
