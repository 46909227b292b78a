from typing import Any

from notifications import actions, queries
from notifications.errors import UnknownNotification
from notifications.frames import (
    MarkAllRead,
    MarkRead,
    RoomUnread,
    Welcome,
    decoder,
    server_frames,
)
from notifications.groups import ROOM_UNREAD, inbox_group
from realtime import database
from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.following import LogConsumer


class NotificationConsumer(LogConsumer):
    """One's own log, and what is sent to the person without being kept."""

    decoder = decoder
    server_frames = (*LogConsumer.server_frames, *server_frames)

    _before_welcome: list[RoomUnread] | None = None

    async def enter(self) -> None:
        self._before_welcome = []
        user = self.credential.user
        inbox_id = await database.run(actions.open_inbox, user=user)
        head, entries = await self.join(inbox_group(inbox_id))
        # Counted after the head was read: what comes in between is told again by its own frame.
        unread = await database.run(queries.unread_count, user)
        welcome = Welcome(
            connection_id=self.connection_id, you=self.credential.person, seq=head, unread=unread
        )
        await self.go_live(welcome, head, entries)
        for frame in self._before_welcome:
            self.answer(frame)
        self._before_welcome = None

    def told(self, notice: str, details: Any) -> None:
        if notice == ROOM_UNREAD:
            frame = RoomUnread(**details)
            if self._before_welcome is None:
                self.answer(frame)
            else:
                self._before_welcome.append(frame)

    async def on_mark_read(self, frame: MarkRead) -> None:
        try:
            await database.run(actions.mark_read, user=self.credential.user, ids=frame.ids)
        except UnknownNotification as error:
            raise FrameError(
                ErrorCode.NOT_FOUND, "One of these is not among your notifications."
            ) from error

    async def on_mark_all_read(self, frame: MarkAllRead) -> None:
        await database.run(actions.mark_all_read, user=self.credential.user, up_to=frame.up_to)
