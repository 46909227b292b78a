from notifications import actions, queries
from notifications.errors import UnknownNotification
from notifications.frames import MarkAllRead, MarkRead, Welcome
from notifications.groups import inbox_group, user_group
from realtime import database
from realtime.close_codes import ErrorCode
from realtime.errors import FrameError
from realtime.following import LogConsumer
from realtime.frames import Decoder
from realtime.hub import hubs


class NotificationConsumer(LogConsumer):
    """One's own log, and what is sent to the person without being kept."""

    decoder = Decoder([MarkRead, MarkAllRead])

    async def enter(self) -> None:
        user = self.credential.user
        personal = hubs.get().join(user_group(user.pk), self)
        inbox_id = await database.run(actions.open_inbox, user=user)
        head, entries = await self.join(inbox_group(inbox_id))
        # Counted after the head was read: what comes in between is told again by its own frame.
        unread = await database.run(queries.unread_count, user)
        welcome = Welcome(
            connection_id=self.connection_id, you=self.credential.person, seq=head, unread=unread
        )
        self.go_live(welcome, head, entries)
        personal.go_live(self, after=0)

    async def leave(self) -> None:
        await super().leave()
        if credential := self.scope.get("credential"):
            hubs.get().leave(user_group(credential.user.pk), self)

    async def on_mark_read(self, frame: MarkRead) -> None:
        try:
            await database.run(actions.mark_read, user=self.credential.user, ids=frame.ids)
        except UnknownNotification as error:
            raise FrameError(
                ErrorCode.NOT_FOUND, "One of these is not among your notifications."
            ) from error

    async def on_mark_all_read(self, frame: MarkAllRead) -> None:
        await database.run(actions.mark_all_read, user=self.credential.user, up_to=frame.up_to)
