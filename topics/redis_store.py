"""The last publications of each topic in Redis, for all processes. Each call is one script."""

from collections.abc import Iterable
from typing import Any

from redis.exceptions import RedisError

from realtime import redis
from topics.errors import TopicsAway
from topics.names import topic_id
from topics.store import LIMITS, MICROSECONDS, PART, Head, Kept, Limits

TIMEOUT = 1.0  # seconds

# KEYS, with a name in braces, so that a cluster keeps all together:
#   used: sorted set, topic id by the microsecond of its last use
#   size: of all, in bytes
#   topic: prefix of the topics
#   shares: hash, topic id -> whose share it is in
#   share: prefix of the shares, each a sorted set as `used` is
#   counts, sizes: sorted sets, share by its number of topics, and of bytes
#   epochs: hash, `run`, `began` and the epoch of each part of all names in which a topic gave way
# A topic is one hash, so that it is there as a whole or not at all: name, epoch, offset, size,
# first (the lowest offset that is kept), run, and each publication by its offset.
# `run` is that of the Redis which made the topic. One that was restarted from its disk, or a
# replica that took over, may know less than was told, and would give the same offsets again: so a
# topic ends with its run.
# Redis's clock alone counts: those of the workers may differ.
KEYS = [
    "{topics}:used",
    "{topics}:size",
    "{topics}:topic:",
    "{topics}:shares",
    "{topics}:share:",
    "{topics}:counts",
    "{topics}:sizes",
    "{topics}:epochs",
]
TIDIED = 100  # topics at most in one call: Redis does nothing else meanwhile
_COMMON = """
local used, total, prefix, shares, share, counts, sizes, epochs = unpack(KEYS)
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local function text(number) return string.format('%.0f', number) end
local function get(key, field) return tonumber(redis.call('HGET', key, field) or 0) end
local function head(key) return {redis.call('HGET', key, 'epoch'), get(key, 'offset')} end
local function whose(id) return redis.call('HGET', shares, id) or '' end
local info = redis.pcall('INFO', 'server')
local run = type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
if redis.call('HGET', epochs, 'run') ~= run then
  redis.call('DEL', epochs)
  redis.call('HSET', epochs, 'run', run, 'began', text(now))
end
local function part(id) return string.sub(id, 1, PART) end
local function epoch(id)
  return redis.call('HGET', epochs, part(id)) or redis.call('HGET', epochs, 'began')
end
local function resize(id, by)
  redis.call('INCRBY', total, by)
  redis.call('ZINCRBY', sizes, by, whose(id))
  return redis.call('HINCRBY', prefix .. id, 'size', by)
end
local function count(whom)
  local topics = redis.call('ZCARD', share .. whom)
  if topics > 0 then return redis.call('ZADD', counts, topics, whom) end
  redis.call('ZREM', counts, whom)
  redis.call('ZREM', sizes, whom)
end
local function drop(id)
  local key, whom = prefix .. id, whose(id)
  local last = get(key, 'epoch') + get(key, 'offset')
  redis.call('HSET', epochs, part(id), text(math.max(now, last + 1)))
  resize(id, 0 - get(key, 'size'))  -- or it would be -0, which is no integer to Redis
  redis.call('DEL', key)
  redis.call('HDEL', shares, id)
  redis.call('ZREM', used, id)
  redis.call('ZREM', share .. whom, id)
  count(whom)
end
local function touch(id)
  redis.call('ZADD', used, text(now), id)
  redis.call('ZADD', share .. whose(id), text(now), id)
  return prefix .. id
end
local function use(id)
  local made = redis.call('HGET', prefix .. id, 'run')
  if made == run then return touch(id) end
  if made or redis.call('ZSCORE', used, id) then drop(id) end  -- or Redis did
end
local function of_the_largest(tally)
  local oldest = redis.call('ZRANGE', used, 0, 0)[1]
  local most = redis.call('ZREVRANGE', tally, 0, 0, 'WITHSCORES')
  local its = tonumber(redis.call('ZSCORE', tally, whose(oldest)) or 0)
  if not most[1] or its >= tonumber(most[2]) then return oldest end
  return redis.call('ZRANGE', share .. most[1], 0, 0)[1] or oldest
end
local function tidy(topics, bytes, idle, tidied)
  for _ = 1, tidied do
    local oldest = redis.call('ZRANGE', used, 0, 0, 'WITHSCORES')
    if not oldest[1] then return redis.call('DEL', total) end
    local size = tonumber(redis.call('GET', total) or 0)
    if redis.call('ZCARD', used) > tonumber(topics) then drop(of_the_largest(counts))
    elseif size > tonumber(bytes) then drop(of_the_largest(sizes))
    elseif tonumber(oldest[2]) <= now - idle then drop(oldest[1])
    else return end
  end
end
""".replace("PART", str(PART))
_HEAD = (
    _COMMON
    + """
local key = use(ARGV[1])
if key then return head(key) end
return {epoch(ARGV[1]), 0}
"""
)
_PUBLISH = (
    _COMMON
    + """
local id, name, whom, unnumbered, publications, bytes = unpack(ARGV, 5)
local key = use(id)
if not key then
  redis.call('HSET', shares, id, whom)
  key = touch(id)
  redis.call('HSET', key, 'run', run,
    'name', name, 'epoch', epoch(id), 'offset', 0, 'first', 1, 'size', 0)
  count(whom)
end
local offset = redis.call('HINCRBY', key, 'offset', 1)
local payload = unnumbered .. text(offset) .. '}'
redis.call('HSET', key, text(offset), payload)
local size, first = resize(id, #payload), get(key, 'first')
while offset - first + 1 > tonumber(publications) or size > tonumber(bytes) do
  size = resize(id, -redis.call('HSTRLEN', key, text(first)))
  redis.call('HDEL', key, text(first))
  first = redis.call('HINCRBY', key, 'first', 1)
end
local place = head(key)  -- tidying may take it away
tidy(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return place
"""
)
_READ = (
    _COMMON
    + """
local key = use(ARGV[1])
if not key then return nil end
local first, offset = get(key, 'first'), get(key, 'offset')
local from = tonumber(ARGV[2]) - get(key, 'epoch') + 1
local lost = from < first or from > offset + 1
local payloads = {}
for number = lost and first or from, offset do
  table.insert(payloads, redis.call('HGET', key, text(number)))
end
return {redis.call('HGET', key, 'name'), head(key), payloads, lost and 1 or 0}
"""
)
_HEADS = (
    _COMMON
    + """
local heads = {}
for i = 5, #ARGV do
  local key = use(ARGV[i])
  table.insert(heads, key and head(key) or false)
end
tidy(ARGV[1], ARGV[2], ARGV[3], ARGV[4])
return heads
"""
)


class RedisTopics:
    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self._redis = redis.connect_blocking(timeout=TIMEOUT)
        self._head, self._publish, self._read, self._heads = (
            self._redis.register_script(script) for script in (_HEAD, _PUBLISH, _READ, _HEADS)
        )

    def head(self, topic_id: str) -> Head:
        return _head(_call(self._head, topic_id))

    def publish(self, topic: str, unnumbered: bytes, *, share: str = "") -> Head:
        limits = (self._limits.publications, self._limits.topic_bytes)
        args = (topic_id(topic), topic, share, unnumbered, *limits)
        return _head(self._tidying(self._publish, *args))

    def read(self, topic_id: str, *, after: int) -> Kept | None:
        found = _call(self._read, topic_id, after)
        if found is None:
            return None
        name, head, payloads, lost = found
        return Kept(name.decode(), _head(head), payloads, bool(lost))

    def heads(self, topic_ids: Iterable[str]) -> dict[str, int]:
        asked = list(topic_ids)
        heads = self._tidying(self._heads, *asked)
        return {name: _head(head).seq for name, head in zip(asked, heads, strict=True) if head}

    def _tidying(self, script: Any, *args: Any) -> Any:
        _, _, topics, total, idle = self._limits
        return _call(script, topics, total, int(idle * MICROSECONDS), TIDIED, *args)


def _call(script: Any, *args: Any) -> Any:
    try:
        return script(keys=KEYS, args=args)
    except RedisError as error:
        raise TopicsAway from error


def _head(head: list[Any]) -> Head:
    return Head(int(head[0]), int(head[1]))
