"""Leases of presence, in the process and in a real Redis."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from realtime import presence_store as module
from realtime import redis
from realtime.frames import Person
from realtime.presence_store import MemoryPresence, PresenceStore, RedisPresence
from soak.machine import free_port
from tests.presence import GROUP, someone


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, redis_client: Redis) -> PresenceStore:
    return MemoryPresence() if request.param == "memory" else RedisPresence()


async def taken(store: PresenceStore, *people: Person, group: str = GROUP) -> list[bool]:
    return [(await store.take(group, person))[0] for person in people]


async def who(store: PresenceStore, group: str = GROUP) -> list[str]:
    people = (await store.view(group)).people
    assert people is not None
    assert all(person.id == id_ for id_, person in people.items())
    return sorted(person.name for person in people.values())


# --- both ---


async def test_a_lease_is_taken_once_and_renewed_in_silence(store: PresenceStore) -> None:
    assert await taken(store, someone(1), someone(2)) == [True, True]
    view = await store.view(GROUP)
    assert await taken(store, someone(1), someone(2)) == [False, False]
    assert await store.renew(GROUP, [someone(1), someone(2)]) == (False, view.version)
    assert await store.view(GROUP) == view
    assert (view.total, await who(store)) == (2, ["P1", "P2"])
    assert view.began <= view.version


async def test_a_take_tells_who_is_there_after_it(store: PresenceStore) -> None:
    await store.take(GROUP, someone(1))
    changed, view = await store.take(GROUP, someone(2))
    assert changed
    assert view == await store.view(GROUP)


async def test_each_change_brings_a_higher_version(store: PresenceStore) -> None:
    versions = [(await store.take(GROUP, someone(number)))[1].version for number in range(3)]
    await store.give_back(GROUP, "1")
    versions.append((await store.view(GROUP)).version)
    versions.append((await store.take(GROUP, someone(2, "Zoë")))[1].version)
    versions.append((await store.renew(GROUP, [someone(7)])).version)
    assert versions == sorted(set(versions))


async def test_the_last_lease_that_is_given_back_is_the_end(store: PresenceStore) -> None:
    await taken(store, someone(1), someone(2))
    assert await store.give_back(GROUP, "1")
    assert not await store.give_back(GROUP, "1")
    assert not await store.give_back(GROUP, "9")
    assert await who(store) == ["P2"]


async def test_groups_are_apart(store: PresenceStore) -> None:
    await taken(store, someone(1))
    await taken(store, someone(2), group="room.2")
    assert not await store.give_back("room.2", "1")
    assert await who(store) == ["P1"]
    assert await who(store, "room.3") == []


async def test_whoever_comes_with_a_new_name_has_it(store: PresenceStore) -> None:
    await taken(store, someone(1))
    assert await taken(store, someone(1, "Zoë 😀")) == [True]
    assert await who(store) == ["Zoë 😀"]


async def test_nobody_takes_nothing(store: PresenceStore) -> None:
    assert await store.renew(GROUP, []) == (False, 0)
    assert (await store.view(GROUP)).total == 0


async def test_a_guest_is_a_guest(store: PresenceStore) -> None:
    guest = Person(id="1", name="G", guest=True)
    assert (await store.take(GROUP, guest))[1].people == {"1": guest}


async def test_a_person_may_have_any_id_and_name(store: PresenceStore) -> None:
    odd = [Person(id="a|b", name="|"), Person(id="a", name='"{}\\'), Person(id="é", name="\n")]
    await taken(store, *odd)
    for person in odd:
        assert await store.give_back(GROUP, person.id)
    assert (await store.view(GROUP)).total == 0


async def test_many_are_counted_and_not_named(
    store: PresenceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NAMED_LIMIT", 2)
    await taken(store, someone(1), someone(2))
    assert await who(store) == ["P1", "P2"]
    assert (await store.take(GROUP, someone(3)))[1][2:] == (3, None)
    assert (await store.view(GROUP))[2:] == (3, None)


async def test_when_all_are_gone_nothing_is_left_for_long(store: PresenceStore) -> None:
    await taken(store, someone(1))
    await store.give_back(GROUP, "1")
    if isinstance(store, MemoryPresence):
        assert not store._groups
        assert not store._versions
    else:
        (key,) = await redis.clients.get().keys("presence:*")
        assert 0 < await redis.clients.get().ttl(key) <= module.FORGOTTEN


# --- several processes ---


async def test_a_person_in_two_processes_is_one_and_leaves_with_the_last(
    redis_client: Redis,
) -> None:
    one, two = RedisPresence(), RedisPresence()
    assert await taken(one, someone()) == [True]
    assert await taken(two, someone()) == [False]
    assert await who(one) == ["P1"]
    assert not await one.give_back(GROUP, "1")
    assert await who(two) == ["P1"]
    assert await two.give_back(GROUP, "1")


async def test_a_renewal_by_one_that_has_not_heard_of_a_new_name_does_not_undo_it(
    redis_client: Redis,
) -> None:
    one, two = RedisPresence(), RedisPresence()
    await taken(one, someone(1))
    await taken(two, someone(1, "Zoë"))
    assert not (await one.renew(GROUP, [someone(1)])).changed
    assert await who(one) == ["Zoë"]


async def test_a_store_that_lost_all_says_since_when_it_knows(redis_client: Redis) -> None:
    one = RedisPresence()
    before = (await one.take(GROUP, someone(1)))[1]
    assert (await one.take(GROUP, someone(2)))[1].began == before.began <= before.version
    await redis_client.flushdb()
    assert (await one.view(GROUP)).began > before.version
    changed, version = await one.renew(GROUP, [someone(1)])
    assert changed
    assert before.version < (await one.view(GROUP)).began <= version


async def until_expired(seconds: float) -> None:
    await asyncio.sleep(seconds + 0.05)  # Redis's clock is not ours to turn


async def overdue(person: Person) -> RedisPresence:
    """A process that took a lease, and has not renewed it in time."""
    process = RedisPresence()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEASE", 0.05)
        await taken(process, person)
    await until_expired(0.05)
    return process


async def test_the_people_of_a_dead_process_are_ended_by_another_once(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, one, two = RedisPresence(), RedisPresence(), RedisPresence()
    monkeypatch.setattr(module, "LEASE", 3600)
    await taken(dead, someone(1), someone(2))
    await taken(one, someone(2), someone(3))
    assert await who(one) == ["P1", "P2", "P3"]
    monkeypatch.setattr(module, "LEASE", 0.1)
    await dead.renew(GROUP, [someone(1), someone(2)])
    monkeypatch.setattr(module, "LEASE", 3600)
    await until_expired(0.1)
    assert (await one.renew(GROUP, [someone(2), someone(3)])).changed
    assert not (await two.renew(GROUP, [])).changed
    assert await who(one) == ["P2", "P3"]


async def test_they_are_ended_by_whoever_comes_too(redis_client: Redis) -> None:
    """Where processes die again and again none may come to renew."""
    await overdue(someone(1))
    changed, view = await RedisPresence().take(GROUP, someone(2))
    assert (changed, view.people) == (True, {"2": someone(2)})


async def test_a_lease_that_is_renewed_does_not_run_out(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, other = RedisPresence(), RedisPresence()
    monkeypatch.setattr(module, "LEASE", 0.2)
    await taken(alive, someone(1))
    monkeypatch.setattr(module, "LEASE", 3600)
    assert not (await alive.renew(GROUP, [someone(1)])).changed
    await until_expired(0.2)
    assert not (await other.renew(GROUP, [])).changed
    assert await who(other) == ["P1"]


async def test_a_process_that_slept_through_its_leases_renews_them_in_silence(
    redis_client: Redis,
) -> None:
    sleeper = await overdue(someone(1))
    assert not (await sleeper.renew(GROUP, [someone(1)])).changed
    assert await who(sleeper) == ["P1"]


async def test_one_whose_leases_were_ended_by_others_comes_back_as_new(
    redis_client: Redis,
) -> None:
    sleeper, other = await overdue(someone(1)), RedisPresence()
    assert (await other.renew(GROUP, [])).changed
    assert not await sleeper.give_back(GROUP, "1")
    assert (await sleeper.renew(GROUP, [someone(1)])).changed
    assert await who(other) == ["P1"]


async def test_the_workers_clocks_do_not_count(
    redis_client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead, other = RedisPresence(), RedisPresence()
    monkeypatch.setattr("time.time", lambda: 4e9)
    await taken(ahead, someone(1))
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert not (await other.renew(GROUP, [])).changed


async def test_many_are_renewed_in_one_go(redis_client: Redis) -> None:
    people = [someone(number) for number in range(2000)]
    one = RedisPresence()
    assert (await one.renew(GROUP, people)).changed
    assert (await one.view(GROUP)).total == 2000


async def test_the_keys_of_a_group_are_kept_on_one_node_of_a_cluster_and_not_for_ever(
    redis_client: Redis,
) -> None:
    await taken(RedisPresence(), someone(1))
    keys = sorted(key.decode() for key in await redis_client.keys("*"))
    kept = ("counts", "leases", "people", "state")
    assert keys == [f"presence:{{{GROUP}}}:{name}" for name in kept]
    for key in keys:
        assert 0 < await redis_client.ttl(key) <= module.FORGOTTEN


async def test_redis_away_is_told_by_raising(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis, "SOCKET_TIMEOUT", 60)  # it is refused, and not waited for
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}"
    store = RedisPresence()
    with pytest.raises(RedisAway):
        await store.take(GROUP, someone(1))
    redis.crowds.forget(redis.crowds.get())


def test_the_store_is_redis_where_one_is_configured(settings: Any) -> None:
    settings.REDIS_URL = ""
    assert isinstance(module.presence_store(), MemoryPresence)
