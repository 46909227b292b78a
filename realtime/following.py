"""A socket that follows one log: recovery from the client's `seq`, then live, without a seam."""

from typing import Any, ClassVar

from realtime import metrics
from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import conf
from realtime.consumer import SocketConsumer
from realtime.errors import Refused
from realtime.failures import RETRY_AFTER
from realtime.frames import Resync, ServerFrame
from realtime.group import Group
from realtime.packet import Packet
from realtime.strict_json import MAX_INTEGER
from realtime.tails import tails

CHUNK = conf.RECOVERY_CHUNK  # bytes written before the client is waited for


class LogConsumer(SocketConsumer):
    """In enter(): `head, entries = await self.join(group)`, then `self.go_live(...)`."""

    server_frames = (*SocketConsumer.server_frames, Resync)
    query: ClassVar[dict[str, Any]] = {
        "after": {
            "type": "integer",
            "minimum": 0,
            "description": "The last `seq` that one has: what came after it is sent first.",
        }
    }

    group: Group | None = None

    @property
    def seq(self) -> int | None:
        return self.group.last if self.group else None

    async def join(self, group: str) -> tuple[int, list[tuple[int, bytes]] | None]:
        """Join the hub, then read: returns the head, and the entries that the client missed.

        The entries are None where the client has to resync. Joined first and read second, so that
        no frame falls between the two; `go_live` hands over what came meanwhile. Whoever missed
        nothing joins a group that others follow without a read.
        """
        after = self._after()
        self.group = self.hub.join(group, self)
        if (known := self.hub.head_of(self.group)) is not None and after in (None, known):
            return known, []
        head, entries = await tails.get().read(group, after)
        await self.hub.catch_up(self.group, head=head)
        return head, entries

    async def go_live(
        self, welcome: ServerFrame, head: int, entries: list[tuple[int, bytes]] | None
    ) -> None:
        """Say welcome, send what was missed, and follow from there."""
        assert self.group is not None
        self.answer(welcome)
        await self._catch_up(head, entries)
        while not self.group.go_live(self, after=head):
            start = head
            head, entries = await tails.get().read(self.group.name, start)
            if head == start:
                raise Refused(
                    CloseCode.RESTARTING,
                    ErrorCode.UNAVAILABLE,
                    "The log ends before what was delivered of it.",
                    retry_after=RETRY_AFTER,
                )
            await self.hub.catch_up(self.group, head=head)
            await self._catch_up(head, entries)

    async def _catch_up(self, head: int, entries: list[tuple[int, bytes]] | None) -> None:
        if entries is None:
            self.answer(Resync(seq=head))
        else:
            await send_missed(self, entries)

    async def leave(self) -> None:
        if self.group:
            self.hub.leave(self.group.name, self)

    def _after(self) -> int | None:
        values = [
            value
            for pair in self.scope["query_string"].decode("latin-1").split("&")
            for name, _, value in [pair.partition("=")]
            if name == "after"
        ]
        if not values:
            return None
        text = values[0]
        if len(values) > 1 or not text.isdecimal() or not text.isascii() or len(text) > 16:
            raise Refused(
                CloseCode.BAD_FRAMES, ErrorCode.BAD_FRAME, "`after` must be one number, 0 or more."
            )
        return min(int(text), MAX_INTEGER)


async def send_missed(socket: SocketConsumer, entries: list[tuple[int, bytes]]) -> None:
    """As fast as the client reads: what it missed may be more than an outbox takes."""
    metrics.answered(frames=len(entries), size=sum(len(payload) for _, payload in entries))
    written = 0
    for seq, payload in entries:
        socket.deliver(Packet(payload, seq=seq))
        written += len(payload)
        if written > CHUNK:
            written = 0
            try:
                await socket.outbox.caught_up()
            except TimeoutError:
                raise Refused(
                    CloseCode.SLOW, ErrorCode.UNAVAILABLE, "What was missed is read too slowly."
                ) from None
