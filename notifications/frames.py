"""The frames of /ws/notifications/."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from realtime.frames import ClientFrame, Decoder, Person, Seq, ServerFrame, Timestamp

MAX_IDS = 500

NotificationId = Annotated[str, Meta(min_length=1, max_length=64)]


class Welcome(ServerFrame, tag="welcome"):
    connection_id: str
    you: Person
    seq: int
    unread: int
    protocol: Literal[1] = 1


class NotificationFrame(ServerFrame, tag="notification"):
    """`unread` counts this one too."""

    seq: int
    timestamp: Timestamp
    id: str
    kind: str
    title: str
    message: str
    action_url: str
    data: dict[str, Any]
    unread: int


class NotificationUpdate(ServerFrame, tag="notification-update"):
    """`ids`, at most MAX_IDS, are those that changed; `unread` counts what is left after it."""

    seq: int
    timestamp: Timestamp
    ids: list[str]
    read: bool
    unread: int


class RoomUnread(ServerFrame, tag="room-unread"):
    """Not stored: what is unread in one room for this person."""

    room: str
    unread: int
    mentions: int


class MarkRead(ClientFrame, tag="mark-read"):
    ids: Annotated[list[NotificationId], Meta(min_length=1, max_length=MAX_IDS)]


class MarkAllRead(ClientFrame, tag="mark-all-read"):
    up_to: Seq


decoder = Decoder([MarkRead, MarkAllRead])
server_frames = (Welcome, NotificationFrame, NotificationUpdate, RoomUnread)
