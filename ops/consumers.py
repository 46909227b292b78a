"""The ops socket: what the site does just now, and commands of its staff."""

import asyncio
from typing import Any

import msgspec
from msgspec import UNSET

from ops import access, actions
from ops.frames import (
    Announce,
    Announced,
    Bye,
    Disconnect,
    Disconnected,
    GetStatus,
    GetTime,
    Kick,
    Kicked,
    Time,
    Welcome,
    decoder,
    server_frames,
)
from ops.queries import status
from realtime import database, switchboard
from realtime.close_codes import CloseCode, ErrorCode
from realtime.consumer import SocketConsumer
from realtime.database import DATABASE_AWAY
from realtime.errors import FrameError, Refused
from realtime.frames import ClientFrame, Closing, Person, now
from realtime.per_loop import PerLoop
from realtime.publish import tell_connection
from realtime.reports import Reporter, reporters

STATUS_INTERVAL = 1.0  # seconds
CHECK_INTERVAL = 5.0  # seconds: how long a look lasts for somebody who is no longer staff
FIND_TIMEOUT = 1.0  # seconds, for the workers to say that a connection is theirs

COMMANDS = (Kick, Disconnect, Announce)


class OpsConsumer(SocketConsumer):
    """The site live, and commands; for staff."""

    decoder = decoder
    server_frames = (*SocketConsumer.server_frames, *server_frames)

    _watching: asyncio.Task[None] | None = None
    _sought: tuple[str, asyncio.Future[Person | None]] | None = None

    def __init__(self, *, reporters: PerLoop[Reporter] = reporters, **services: Any) -> None:
        super().__init__(**services)
        self._reporters = reporters

    # --- life cycle ---

    async def enter(self) -> None:
        await self._check_staff()
        self.answer(Welcome(connection_id=self.connection_id, you=self.credential.person))
        self._watching = asyncio.create_task(self._guarded(self._watch()))

    async def leave(self) -> None:
        if self._watching:
            self._watching.cancel()

    async def _watch(self) -> None:
        checked_at = asyncio.get_running_loop().time()
        while True:
            self.answer(status(await self._reporters.get().all()))
            await asyncio.sleep(STATUS_INTERVAL)
            if asyncio.get_running_loop().time() - checked_at >= CHECK_INTERVAL:
                checked_at = asyncio.get_running_loop().time()
                await self._check_staff_when_possible()

    async def _check_staff(self) -> None:
        if not await database.run(access.still_may_operate, self.credential.user):
            raise Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "This is for staff.")

    async def _check_staff_when_possible(self) -> None:
        try:
            await self._check_staff()
        except DATABASE_AWAY:
            return  # nothing is done without the database; looking on is no harm

    # --- frames ---

    async def receive_frame(self, frame: ClientFrame) -> None:
        if isinstance(frame, COMMANDS):
            await self._handled(frame, self._check_staff())
        await super().receive_frame(frame)

    async def on_get_time(self, frame: GetTime) -> None:
        self.answer(Time(ref=frame.ref, timestamp=now()))

    async def on_get_status(self, frame: GetStatus) -> None:
        self.answer(status(await self._reporters.get().all(), ref=frame.ref))

    async def on_kick(self, frame: Kick) -> None:
        by = self.credential.person
        user = await database.run(actions.kick, by=by, user_id=frame.user, reason=frame.reason)
        self.answer(Kicked(ref=frame.ref, user=user))

    async def on_announce(self, frame: Announce) -> None:
        by = self.credential.person
        announcement = await database.run(actions.announce, by=by, message=frame.message)
        self.answer(Announced(ref=frame.ref, message=announcement.message))

    async def on_disconnect(self, frame: Disconnect) -> None:
        by, connection_id = self.credential.person, frame.connection_id
        whom = await self._find(connection_id)
        await database.run(actions.disconnect, by=by, connection_id=connection_id, whom=whom)
        self.answer(Disconnected(ref=frame.ref, connection_id=connection_id, user=whom or UNSET))

    async def on_bye(self, frame: Bye) -> None:
        self.answer(Closing(ref=frame.ref, code=CloseCode.DONE))
        self.outbox.close(CloseCode.DONE)

    # --- looking for a connection ---

    async def _find(self, connection_id: str) -> Person | None:
        """Ask all workers whose it is; None for nobody's. Raises FrameError if none has it."""
        found: asyncio.Future[Person | None] = asyncio.get_running_loop().create_future()
        self._sought = connection_id, found
        tell_connection(switchboard.FIND, connection_id, self.connection_id)
        try:
            async with asyncio.timeout(FIND_TIMEOUT):
                return await found
        except TimeoutError:
            code = ErrorCode.NOT_FOUND if self.hub.up else ErrorCode.UNAVAILABLE
            raise FrameError(code, "No worker has such a connection.") from None

    def told(self, notice: str, details: Any) -> None:
        if notice != switchboard.FOUND or self._sought is None:
            return
        connection_id, found = self._sought
        if details["connection_id"] == connection_id and not found.done():
            found.set_result(msgspec.convert(details["person"], Person | None))
