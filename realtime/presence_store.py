"""Where the leases of presence are kept: in the process, or in Redis for all processes."""

from collections import defaultdict
from typing import NamedTuple, Protocol
from uuid import uuid4

import msgspec

from realtime import redis
from realtime.frames import Person

LEASE = 15.0  # seconds; renewed every 5


class Changes(NamedTuple):
    joined: list[Person]
    left: list[Person]


class PresenceStore(Protocol):
    """One lease per person, group and process. A person is in a group while any lease lasts."""

    async def take(self, group: str, people: list[Person]) -> Changes:
        """Take or renew this process's leases, and end those of processes that died."""

    async def give_back(self, group: str, person_id: str) -> bool:
        """True if it was the person's last lease."""

    async def count(self, group: str) -> int:
        """Distinct people."""

    async def people(self, group: str) -> list[Person]:
        """All of them: ask only where `count` is small."""


class MemoryPresence:
    """For a site with one process, which no lease outlives."""

    def __init__(self) -> None:
        self._groups: defaultdict[str, dict[str, Person]] = defaultdict(dict)

    async def take(self, group: str, people: list[Person]) -> Changes:
        here = self._groups[group]
        joined = [person for person in people if person.id not in here]
        here.update({person.id: person for person in people})
        return Changes(joined, [])

    async def give_back(self, group: str, person_id: str) -> bool:
        people = self._groups.get(group, {})
        gone = people.pop(person_id, None) is not None
        if not people:
            self._groups.pop(group, None)
        return gone

    async def count(self, group: str) -> int:
        return len(self._groups.get(group, ()))

    async def people(self, group: str) -> list[Person]:
        return list(self._groups.get(group, {}).values())


# KEYS: leases (sorted set, "<process>|<person id>" by the second at which it ends),
#       counts (hash, person id -> leases), people (hash, person id -> JSON).
# Redis's clock alone counts: those of the workers may differ.
_COMMON = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local function take(process, id, person, lease)
  redis.call('HSET', KEYS[3], id, person)
  if redis.call('ZADD', KEYS[1], now + lease, process .. '|' .. id) == 1 then
    return redis.call('HINCRBY', KEYS[2], id, 1) == 1
  end
  return false
end
local function give_back(lease)
  if redis.call('ZREM', KEYS[1], lease) == 0 then return nil end
  local id = string.sub(lease, string.find(lease, '|', 1, true) + 1)
  if redis.call('HINCRBY', KEYS[2], id, -1) > 0 then return nil end
  local person = redis.call('HGET', KEYS[3], id)
  redis.call('HDEL', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
  return person
end
"""
_GIVE_BACK = _COMMON + "return give_back(ARGV[1] .. '|' .. ARGV[2]) and 1 or 0"
_TAKE = (
    _COMMON
    + """
local joined, left = {}, {}
for i = 3, #ARGV, 2 do
  if take(ARGV[1], ARGV[i], ARGV[i + 1], ARGV[2]) then table.insert(joined, ARGV[i + 1]) end
end
for _, lease in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  local person = give_back(lease)
  if person then table.insert(left, person) end
end
return {joined, left}
"""
)


class RedisPresence:
    """Raises what Redis raises."""

    def __init__(self) -> None:
        self._process = uuid4().hex
        self._redis = redis.clients.get()
        self._take = self._redis.register_script(_TAKE)
        self._give_back = self._redis.register_script(_GIVE_BACK)

    async def take(self, group: str, people: list[Person]) -> Changes:
        named = [part for person in people for part in (person.id, msgspec.json.encode(person))]
        joined, left = await self._take(keys=_keys(group), args=[self._process, LEASE, *named])
        return Changes(_decoded(joined), _decoded(left))

    async def give_back(self, group: str, person_id: str) -> bool:
        return bool(await self._give_back(keys=_keys(group), args=[self._process, person_id]))

    async def count(self, group: str) -> int:
        return int(await self._redis.hlen(_keys(group)[1]))

    async def people(self, group: str) -> list[Person]:
        return _decoded(await self._redis.hvals(_keys(group)[2]))


def _keys(group: str) -> list[str]:
    """In braces, so that a cluster keeps the three together."""
    return [f"presence:{{{group}}}:{name}" for name in ("leases", "counts", "people")]


def _decoded(people: list[bytes]) -> list[Person]:
    return [msgspec.json.decode(person, type=Person) for person in people]


def presence_store() -> PresenceStore:
    return RedisPresence() if redis.configured() else MemoryPresence()
