"""Where the leases of presence are kept: in the process, or in Redis for all processes."""

import math
from collections.abc import Mapping
from itertools import count
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import msgspec

from realtime import redis
from realtime.conf import conf
from realtime.frames import Person

LEASE = conf.LEASE  # seconds; realtime.presence renews it
FORGOTTEN = math.ceil(4 * LEASE)  # seconds, in which nobody renewed anything of a group
NAMED_LIMIT = conf.NAMED_LIMIT  # people; of more than these only the number is told


class View(NamedTuple):
    """Who is in a group at one moment: so many people, by id, or None where they are too many.

    `version` is higher after each change. `began` is that since which the store has forgotten
    nothing.
    """

    version: int
    began: int
    total: int
    people: Mapping[str, Person] | None


class Change(NamedTuple):
    """Whether somebody came, went or has another name by it, and the version after it."""

    changed: bool
    version: int


class PresenceStore(Protocol):
    """One lease per person, group and process. A person is in a group while any lease lasts."""

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        """Take this process's lease, or give it a new name: whether that changed anything.

        As `renew` it ends the leases of processes that died: others may die before they renew.
        """

    async def renew(self, group: str, people: list[Person]) -> Change:
        """Renew this process's leases, and end those of processes that died."""

    async def give_back(self, group: str, person_id: str) -> bool:
        """True if it was the person's last lease."""

    async def view(self, group: str) -> View: ...


class MemoryPresence:
    """For a site with one process, which no lease outlives."""

    def __init__(self) -> None:
        self._groups: dict[str, dict[str, Person]] = {}
        self._versions: dict[str, int] = {}
        self._next_version = count(1)

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        changed = self._take(group, person)
        return changed, await self.view(group)

    async def renew(self, group: str, people: list[Person]) -> Change:
        changes = [self._take(group, person) for person in people]
        return Change(any(changes), self._versions.get(group, 0))

    async def give_back(self, group: str, person_id: str) -> bool:
        people = self._groups.get(group, {})
        gone = people.pop(person_id, None) is not None
        if gone:
            self._versions[group] = next(self._next_version)
        if not people:
            self._groups.pop(group, None)
            self._versions.pop(group, None)
        return gone

    async def view(self, group: str) -> View:
        people = self._groups.get(group, {})
        named = dict(people) if len(people) <= NAMED_LIMIT else None
        return View(self._versions.get(group, 0), 0, len(people), named)

    def _take(self, group: str, person: Person) -> bool:
        people = self._groups.setdefault(group, {})
        if people.get(person.id) == person:
            return False
        people[person.id] = person
        self._versions[group] = next(self._next_version)
        return True


# KEYS: leases (sorted set, "<process>|<person id>" by the second at which it ends),
#       counts (hash, person id -> leases), people (hash, person id -> JSON),
#       state (hash: `version` and `began`, in microseconds).
# A group that nobody renews is forgotten, with the processes that had it.
# Redis's clock alone counts: those of the workers may differ.
_COMMON = """
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = micros / 1000000
local changed = false
local function lease_of(process, id, lease)
  if redis.call('ZADD', KEYS[1], now + lease, process .. '|' .. id) == 1 then
    redis.call('HINCRBY', KEYS[2], id, 1)
  end
end
local function give_back(lease)
  if redis.call('ZREM', KEYS[1], lease) == 0 then return end
  local id = string.sub(lease, string.find(lease, '|', 1, true) + 1)
  if redis.call('HINCRBY', KEYS[2], id, -1) > 0 then return end
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
  changed = true
end
local function end_expired()
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do give_back(lease) end
end
local function version() return tonumber(redis.call('HGET', KEYS[4], 'version') or 0) end
local function keep()
  if changed then
    redis.call('HSETNX', KEYS[4], 'began', string.format('%.0f', micros))
    redis.call('HSET', KEYS[4], 'version', string.format('%.0f', micros))
  end
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, FORGOTTEN) end
end
local function view(limit)
  local began = tonumber(redis.call('HGET', KEYS[4], 'began') or micros)
  local total, people = redis.call('HLEN', KEYS[3]), nil
  if total <= tonumber(limit) then people = redis.call('HVALS', KEYS[3]) end
  return {version(), began, total, people}
end
"""
# A new name counts where somebody comes with it. In a renewal it may be the older of two.
_TAKE = """
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then
  redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
  changed = true
end
lease_of(ARGV[1], ARGV[2], ARGV[4])
end_expired()
keep()
return {changed and 1 or 0, view(ARGV[5])}
"""
_RENEW = """
for i = 3, #ARGV, 2 do
  if redis.call('HSETNX', KEYS[3], ARGV[i], ARGV[i + 1]) == 1 then changed = true end
  lease_of(ARGV[1], ARGV[i], ARGV[2])
end
end_expired()
keep()
return {changed and 1 or 0, version()}
"""
_GIVE_BACK = """
give_back(ARGV[1] .. '|' .. ARGV[2])
if changed then keep() end
return changed and 1 or 0
"""
_VIEW = "return view(ARGV[1])"


class RedisPresence:
    """Raises what Redis raises."""

    def __init__(self) -> None:
        self._process = uuid4().hex
        client = redis.crowds.get()
        common = _COMMON.replace("FORGOTTEN", str(FORGOTTEN))
        self._take = client.register_script(common + _TAKE)
        self._renew = client.register_script(common + _RENEW)
        self._give_back = client.register_script(common + _GIVE_BACK)
        self._view = client.register_script(common + _VIEW)

    async def take(self, group: str, person: Person) -> tuple[bool, View]:
        args = [self._process, person.id, msgspec.json.encode(person), LEASE, NAMED_LIMIT]
        changed, view = await self._take(keys=_keys(group), args=args)
        return bool(changed), _decoded(view)

    async def renew(self, group: str, people: list[Person]) -> Change:
        named = [part for person in people for part in (person.id, msgspec.json.encode(person))]
        changed, version = await self._renew(keys=_keys(group), args=[self._process, LEASE, *named])
        return Change(bool(changed), version)

    async def give_back(self, group: str, person_id: str) -> bool:
        return bool(await self._give_back(keys=_keys(group), args=[self._process, person_id]))

    async def view(self, group: str) -> View:
        return _decoded(await self._view(keys=_keys(group), args=[NAMED_LIMIT]))


def _keys(group: str) -> list[str]:
    """In braces, so that a cluster keeps the four together."""
    return [f"presence:{{{group}}}:{name}" for name in ("leases", "counts", "people", "state")]


def _decoded(answer: list[Any]) -> View:
    """Of a list that ends where Lua has nil."""
    version, began, total, *people = answer
    if not people:
        return View(version, began, total, None)
    named = [msgspec.json.decode(person, type=Person) for person in people[0]]
    return View(version, began, total, {person.id: person for person in named})


def presence_store() -> PresenceStore:
    return RedisPresence() if redis.configured() else MemoryPresence()
