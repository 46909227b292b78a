"""A socket that follows one log: recovery from the client's `seq`, then live, without a seam."""

from realtime import database
from realtime.close_codes import CloseCode, ErrorCode
from realtime.consumer import SocketConsumer
from realtime.errors import Refused
from realtime.frames import Resync, ServerFrame
from realtime.group import Group
from realtime.log import log_of
from realtime.packet import Packet
from realtime.strict_json import MAX_INTEGER

# More than this behind: the client reloads over HTTP instead.
RECOVERY_LIMIT = 1000
CHUNK = 64 * 1024  # bytes written before the client is waited for


class LogConsumer(SocketConsumer):
    """In enter(): `head, entries = await self.join(group)`, then `self.go_live(...)`."""

    group: Group | None = None

    @property
    def seq(self) -> int | None:
        return self.group.last if self.group else None

    async def join(self, group: str) -> tuple[int, list[tuple[int, bytes]] | None]:
        """Join the hub, then read: returns the head, and the entries that the client missed.

        The entries are None where the client has to resync. Joined first and read second, so that
        no frame falls between the two; `go_live` hands over what came meanwhile.
        """
        after = self._after()
        self.group = self.hub.join(group, self)
        head, entries = await database.run(_read_tail, group, after)
        await self.hub.catch_up(self.group, head=head)
        return head, entries

    async def go_live(
        self, welcome: ServerFrame, head: int, entries: list[tuple[int, bytes]] | None
    ) -> None:
        """Say welcome, send what was missed, and follow from there."""
        assert self.group is not None
        self.answer(welcome)
        if entries is None:
            self.answer(Resync(seq=head))
        await self._send_missed(entries or [])
        if not self.group.go_live(self, after=head):
            self.answer(Resync(seq=self.group.last or head))

    async def _send_missed(self, entries: list[tuple[int, bytes]]) -> None:
        """As fast as the client reads: what it missed may be more than an outbox takes."""
        written = 0
        for seq, payload in entries:
            self.deliver(Packet(payload, seq=seq))
            written += len(payload)
            if written > CHUNK:
                written = 0
                try:
                    await self.outbox.caught_up()
                except TimeoutError:
                    raise Refused(
                        CloseCode.SLOW, ErrorCode.UNAVAILABLE, "What was missed is read too slowly."
                    ) from None

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


def _read_tail(group: str, after: int | None) -> tuple[int, list[tuple[int, bytes]] | None]:
    """The head of the group's log and the entries after `after`, None if there are too many."""
    backing = log_of(group)
    assert backing is not None, f"{group} has no log"
    log, owner_id = backing
    head = log.heads([owner_id]).get(owner_id, 0)
    if after is None or after == head:
        return head, []
    if after > head or head - after > RECOVERY_LIMIT:
        return head, None
    entries = log.read(owner_id, after=after, limit=RECOVERY_LIMIT)
    # Whatever was committed between the two reads is among the entries.
    return max(head, entries[-1][0]) if entries else head, entries
