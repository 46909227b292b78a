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
from collections.abc import Callable, Coroutine
from typing import Any, Protocol
from uuid import uuid4

import structlog
from channels.layers import get_channel_layer

from realtime import database, metrics
from realtime.coalescer import Coalescer
from realtime.errors import Refused
from realtime.group import Group, Subscriber
from realtime.link import LayerLink
from realtime.log import Log, log_of
from realtime.packet import Packet
from realtime.per_loop import PerLoop
from realtime.switchboard import PEOPLE, Switchboard

logger = structlog.get_logger(__name__)

HEADS_INTERVAL = 5.0
HEADS_INTERVAL_WITHOUT_LAYER = 1.0
LINGER = 2.0  # an empty group is kept so long: a page reload does not unsubscribe and subscribe
HEAL_BATCH = 500


class Socket(Protocol):
    """A consumer, as the hub's owner sees it."""

    def end(self, refusal: Refused) -> None: ...


class Hub:
    """All methods belong to the event loop that made the hub, except the `_threadsafe` ones.

    `sockets` are all consumers of the process, whatever they follow.
    """

    def __init__(self, *, layer: Any) -> None:
        self.id = uuid4().hex
        self._loop = asyncio.get_running_loop()
        self._groups: dict[str, Group] = {}
        self._healing: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._link = LayerLink(
            layer,
            origin=self.id,
            on_packet=self._receive,
            on_subscribed=self._check_soon,
            on_changed=self._check_all_soon,
        )
        self._unchecked: set[str] = set()
        self._check_wanted = asyncio.Event()
        self._check_everything = False
        self.coalescer = Coalescer(self._loop)
        self.sockets: set[Socket] = set()
        self.switchboard = Switchboard()
        self.join(PEOPLE, self.switchboard).go_live(self.switchboard, after=0)
        self._spawn(self._watch_heads())

    # --- sockets ---

    def join(self, name: str, subscriber: Subscriber) -> Group:
        """Begin to buffer the group's packets for the subscriber, until `go_live`."""
        group = self._groups.get(name)
        if group is None:
            group = self._groups[name] = Group(name, on_waiting=self.coalescer.on_waiting)
            self._link.subscribe(name)
        group.join(subscriber)
        return group

    async def catch_up(self, group: Group, *, head: int) -> None:
        """Return when everything up to `head`, as just read by a joiner, was delivered."""
        group.start_at(head)
        if group.name in self._unchecked:
            self._check_wanted.set()
        if group.last is not None and group.last < head:
            await self.heal(group)

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
        self._link.send(name, packet)
        self._receive(name, packet)

    def publish_threadsafe(self, name: str, packet: Packet) -> None:
        self.call_threadsafe(self.publish, name, packet)

    def call_threadsafe(self, callback: Callable[..., None], *args: Any) -> None:
        """Call on the hub's loop: at once if that is where we are."""
        if _running_loop() is self._loop:
            callback(*args)
        else:
            self._loop.call_soon_threadsafe(callback, *args)

    def _receive(self, name: str, packet: Packet) -> None:
        if (group := self._groups.get(name)) is not None:
            group.receive(packet)
            if group.has_gap:
                self._heal_in_background(group)

    # --- healing ---

    async def heal(self, group: Group) -> None:
        """Deliver what the log has beyond `group.last`. Joins a heal that is under way.

        Raises what the database raises.
        """
        if (task := self._healing.get(group.name)) is None:
            task = self._loop.create_task(self._read_log(group))
            self._healing[group.name] = task
            task.add_done_callback(lambda _: self._healing.pop(group.name, None))
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

    def _heal_in_background(self, group: Group) -> None:
        if group.name not in self._healing:
            self._spawn(self._heal_quietly(group))

    async def _heal_quietly(self, group: Group) -> None:
        try:
            await self.heal(group)
        except Exception:
            logger.warning("heal_failed", group=group.name, exc_info=True)

    def _check_soon(self, name: str) -> None:
        """What was sent before the subscription held is in the log only."""
        self._unchecked.add(name)
        self._check_wanted.set()

    def _check_all_soon(self) -> None:
        self._check_everything = True
        self._check_wanted.set()

    async def _watch_heads(self) -> None:
        while True:
            try:
                await asyncio.wait_for(
                    self._check_wanted.wait(),
                    HEADS_INTERVAL if self._link.up else HEADS_INTERVAL_WITHOUT_LAYER,
                )
            except TimeoutError:
                self._check_everything = True
            self._check_wanted.clear()
            try:
                await self._compare_heads(self._due())
            except Exception:
                logger.warning("heads_failed", exc_info=True)

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
                if group.last is not None and group.last < head:
                    self._heal_in_background(group)

    # --- life ---

    @property
    def up(self) -> bool:
        """Whether the layer is heard from."""
        return self._link.up

    @property
    def queued(self) -> int:
        """Packets that wait for the layer."""
        return self._link.queued

    def _drop_if_empty(self, group: Group) -> None:
        if group.empty and self._groups.get(group.name) is group:
            del self._groups[group.name]
            self.coalescer.forget(group)
            self._link.unsubscribe(group.name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        hubs.forget(self)
        await self._link.close()
        for task in (*self._tasks, *self._healing.values()):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._healing.values(), return_exceptions=True)


# `hubs.get()` is the hub of the running event loop.
hubs = PerLoop(lambda: Hub(layer=get_channel_layer()))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
