"""The hub: one per process, between the channel layer and the sockets.

Stock Channels puts every socket into layer groups: each message is then queued, copied and encoded
per socket, and lost without a word when a queue is full. Here the process has a single layer
channel; sockets join groups of the hub, and a packet is encoded once.

The layer is a hint. A group with a log (realtime.log) is delivered in the order of `seq`, without
repeats; what is missing is read from the database, at once where a gap is seen, and otherwise when
the heads of all served groups are compared, every few seconds.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol
from uuid import uuid4

import structlog
from channels.layers import get_channel_layer

from realtime import database, metrics
from realtime.coalescer import Coalescer
from realtime.conf import conf
from realtime.group import Group, Subscriber
from realtime.link import LayerLink
from realtime.log import Log, log_of
from realtime.packet import Packet
from realtime.per_loop import PerLoop
from realtime.sweep import Sweep
from realtime.switchboard import PEOPLE, Switchboard
from realtime.tasks import end

logger = structlog.get_logger(__name__)

HEADS_INTERVAL = conf.HEADS_INTERVAL
HEADS_INTERVAL_WITHOUT_LAYER = conf.HEADS_INTERVAL_WITHOUT_LAYER
# An empty group is kept so long: a page reload does not unsubscribe and subscribe.
LINGER = conf.LINGER
HEAL_BATCH = conf.HEAL_BATCH
GAP_PATIENCE = conf.GAP_PATIENCE
NUDGE = Packet(b"")  # for the processes, not for the sockets


class Socket(Protocol):
    """A consumer, as the hub's owner sees it. `backlog` is in bytes."""

    scope: dict[str, Any]  # ASGI's

    @property
    def backlog(self) -> int: ...

    def restart(self, retry_after: float) -> None: ...


class Hub:
    """All methods belong to the event loop that made the hub, except the `_threadsafe` ones.

    `sockets` are all consumers of the process, whatever they follow.
    """

    def __init__(self, *, layer: Any) -> None:
        self.id = uuid4().hex
        self._loop = asyncio.get_running_loop()
        self._groups: dict[str, Group] = {}
        self._healing: dict[Group, asyncio.Task[None]] = {}
        self._patient: set[Group] = set()  # those whose gap is watched
        self._tasks: set[asyncio.Task[None]] = set()
        self._link = LayerLink(
            layer,
            origin=self.id,
            on_packet=self.deliver,
            on_subscribed=self._check_soon,
            on_changed=self._check_all_soon,
        )
        self._unchecked: set[str] = set()
        self._check_wanted = asyncio.Event()
        self._check_everything = False
        # Called with the name of a group about which others may know something new.
        self.on_nudge: Callable[[str], None] = lambda name: None
        # Awaited before the process ends: what would be told later is told now.
        self.on_end: list[Callable[[], Awaitable[None]]] = []
        self.coalescer = Coalescer(self._loop)
        self.sockets: set[Socket] = set()
        self.switchboard = Switchboard()
        self.join(PEOPLE, self.switchboard).go_live(self.switchboard, after=0)
        self.sweep = Sweep(unheard=lambda: self._link.unheard)
        self._spawn(self._watch_heads())
        self._spawn(self.sweep.run())

    # --- sockets ---

    def join(self, name: str, subscriber: Subscriber) -> Group:
        """Begin to buffer the group's packets for the subscriber, until `go_live`."""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(
                name, on_waiting=self.coalescer.on_waiting, flush=self.coalescer.flush
            )
            self._link.subscribe(name)
        group.join(subscriber)
        return group

    async def catch_up(self, group: Group, *, head: int) -> None:
        """Return when everything up to `head`, as just read by a joiner, was delivered.

        Unless the log has lost it.
        """
        group.start_at(head)
        if group.name in self._unchecked:
            self._check_wanted.set()
        for _ in range(2):  # a heal that is under way may have read before `head` was there
            if group.last is not None and group.last < head:
                await self.heal(group)

    def head_of(self, group: Group) -> int | None:
        """The head of the group's log as far as it was told here; None if that may be far off."""
        told = not (self._link.late or group.name in self._unchecked or group.has_gap)
        return group.last if told else None

    def leave(self, name: str, subscriber: Subscriber) -> None:
        if (group := self._groups.get(name)) is not None:
            group.leave(subscriber)
            if group.empty:
                self._loop.call_later(LINGER, self._drop_if_empty, group)

    def group(self, name: str) -> Group | None:
        return self._groups.get(name)

    @property
    def group_count(self) -> int:
        return len(self._groups)

    # --- packets ---

    def publish(self, name: str, packet: Packet) -> None:
        """Deliver here at once, and to the hubs of the other processes through the layer."""
        group = self._groups.get(name)
        # A connection that is here is nowhere else: they need not look for it at every delivery.
        is_skipped_here = group is not None and packet.skip in group.active
        self._link.send(name, packet.to_everybody() if is_skipped_here else packet)
        self.deliver(name, packet)

    def publish_threadsafe(self, name: str, packet: Packet) -> None:
        self.call_threadsafe(self.publish, name, packet)

    def call_threadsafe(self, callback: Callable[..., None], *args: Any) -> None:
        """Call on the hub's loop: at once if that is where we are."""
        if _running_loop() is self._loop:
            callback(*args)
        else:
            self._loop.call_soon_threadsafe(callback, *args)

    def nudge(self, name: str) -> None:
        """Call `on_nudge` in the other processes that serve the group. Best effort."""
        self._link.send(name, NUDGE)

    def deliver(self, name: str, packet: Packet) -> None:
        """To the sockets of this process alone."""
        if not packet.payload:
            self.on_nudge(name)
        elif (group := self._groups.get(name)) is not None:
            group.receive(packet)
            if group.has_gap and group not in self._patient:
                self._patient.add(group)
                self._spawn(self._watch_gap(group))

    # --- healing ---

    async def heal(self, group: Group) -> None:
        """Deliver what the log has beyond `group.last`. Joins a heal that is under way.

        Raises what the database raises.
        """
        if (task := self._healing.get(group)) is None:
            task = self._loop.create_task(self._read_log(group))
            self._healing[group] = task
            task.add_done_callback(lambda _: self._healing.pop(group, None))
        await asyncio.shield(task)

    async def _read_log(self, group: Group) -> None:
        backing = log_of(group.name)
        if backing is None or group.last is None:
            return
        log, owner_id = backing
        metrics.heals.inc()
        while True:
            entries = await database.run(log.read, owner_id, after=group.last, limit=HEAL_BATCH)
            group.heal(entries)
            if len(entries) < HEAL_BATCH:
                return

    async def _watch_gap(self, group: Group) -> None:
        """Heal once nothing filled the gap for GAP_PATIENCE.

        Where several workers post in one room, each hears its own message before an earlier one of
        another: that is no loss.
        """
        last = None
        while group.has_gap and group.last != last:
            last = group.last
            await asyncio.sleep(GAP_PATIENCE)
        self._patient.discard(group)
        if group.has_gap:
            await self._heal_quietly(group)

    async def _heal_quietly(self, group: Group) -> None:
        try:
            await self.heal(group)
        except Exception as error:  # noqa: BLE001 - the heads are compared again in a moment
            _log_failure("heal_failed", error, group=group.name)

    def _check_soon(self, name: str) -> None:
        """What was sent before the subscription held is in the log only."""
        self._unchecked.add(name)
        self._check_wanted.set()
        self.on_nudge(name)

    def _check_all_soon(self) -> None:
        self._check_everything = True
        self._check_wanted.set()
        self.sweep.doubt_all()

    async def _watch_heads(self) -> None:
        checked_at = self._loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._next_check(checked_at)):
                    await self._check_wanted.wait()
            self._check_wanted.clear()
            # Whatever it was woken for: new groups, which are many, must not put this off.
            if self._loop.time() >= self._next_check(checked_at):
                self._check_everything = True
            if self._check_everything:
                checked_at = self._loop.time()
            try:
                await self._compare_heads(self._due())
            except Exception as error:  # noqa: BLE001 - asked again in a moment
                _log_failure("heads_failed", error)

    def _next_check(self, checked_at: float) -> float:
        """As soon as a beat is late and often from then on; else now and then."""
        unheard = max(self._link.late_at, checked_at + HEADS_INTERVAL_WITHOUT_LAYER)
        return min(unheard, checked_at + HEADS_INTERVAL)

    def _due(self) -> list[Group]:
        """The groups to look at now. One that does not know its head yet stays unchecked."""
        names = list(self._groups) if self._check_everything else list(self._unchecked)
        self._check_everything = False
        due = [group for name in names if (group := self._groups.get(name))]
        self._unchecked = {group.name for group in due if group.last is None}
        return [group for group in due if group.last is not None]

    async def _compare_heads(self, due: list[Group]) -> None:
        """One query per kind of log, however many groups are served."""
        by_log: dict[Log, dict[str, Group]] = defaultdict(dict)
        for group in due:
            if backing := log_of(group.name):
                by_log[backing[0]][backing[1]] = group
        for log, groups in by_log.items():
            heads = await database.run(log.heads, list(groups))
            for owner_id, head in heads.items():
                group = groups[owner_id]
                if group.last is not None and group.last < head and group not in self._healing:
                    self._spawn(self._heal_quietly(group))

    # --- life ---

    @property
    def up(self) -> bool:
        """Whether the layer is heard from."""
        return self._link.up

    @property
    def queued(self) -> int:
        """Packets that wait for the layer."""
        return self._link.queued

    @property
    def backlog(self) -> int:
        """Bytes that wait for sockets; may be asked from any thread."""
        return sum(socket.backlog for socket in list(self.sockets))

    def _drop_if_empty(self, group: Group) -> None:
        if group.empty and self._groups.get(group.name) is group:
            del self._groups[group.name]
            self.coalescer.forget(group)
            self._link.unsubscribe(group.name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def flush(self) -> None:
        """Send what is put off, and all that waits for the layer: the process ends."""
        for tell in self.on_end:
            try:
                await tell()
            except Exception as error:  # noqa: BLE001 - the rest is to go out all the same
                _log_failure("flush_failed", error)
        await self._link.flush()

    async def close(self) -> None:
        hubs.forget(self)
        await self._link.close()
        await end(*self._tasks, *self._healing.values())


# `hubs.get()` is the hub of the running event loop.
hubs = PerLoop(lambda: Hub(layer=get_channel_layer()))


def _log_failure(event: str, error: Exception, **details: Any) -> None:
    """In one line that the database is away; of anything else, where it happened."""
    unexpected = not isinstance(error, database.DATABASE_AWAY)
    logger.warning(event, error=str(error), exc_info=error if unexpected else None, **details)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
