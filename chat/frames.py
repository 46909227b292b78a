"""The frames of a room socket."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from realtime.frames import (
    NOT_BUILT,
    ClientFrame,
    ClientId,
    Decoder,
    Person,
    PresenceChanged,
    Seq,
    ServerFrame,
    Timestamp,
)

MAX_TEXT = 8000
MAX_EVENT_BYTES = 4096
MAX_HISTORY = 200

NotBuilt = Meta(extra_json_schema=NOT_BUILT)

# --- from the client ---


class PostMessage(ClientFrame, tag="message"):
    text: str
    client_id: ClientId
    reply_to: Annotated[Seq | None, NotBuilt] = None
    attachments: Annotated[list[Any], NotBuilt] = field(default_factory=list)


class Typing(ClientFrame, tag="typing"):
    pass


class Read(ClientFrame, tag="read"):
    seq: Seq


class SetName(ClientFrame, tag="set-name"):
    name: str


class SendEvent(ClientFrame, tag="event"):
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    data: Any = None


class GetHistory(ClientFrame, tag="history"):
    before: Seq | UnsetType = UNSET
    after: Seq | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=MAX_HISTORY)] = 50


decoder = Decoder(
    [PostMessage, Typing, Read, SetName, SendEvent, GetHistory],
    unsupported=["edit", "delete", "react"],
)

# --- to the client, durable ---


class DurableFrame(ServerFrame, kw_only=True):
    seq: int
    timestamp: Timestamp


class Message(DurableFrame, tag="message"):
    """`text` is plain; `html` is its sanitised rendering."""

    from_: Person = field(name="from")
    text: str
    html: str
    client_id: str
    reply_to: int | None = None
    attachments: list[Any] = field(default_factory=list)
    mentions: list[Person] = field(default_factory=list)


MemberOp = Literal["join", "leave", "kick", "ban", "role"]


class Member(DurableFrame, tag="member"):
    """`by` is who did it to the user; absent where it was their own doing."""

    user: Person
    op: MemberOp
    by: Person | UnsetType = UNSET


class RoomChanged(DurableFrame, tag="room"):
    name: str
    topic: str
    by: Person


# --- to the client, not stored ---


class Welcome(ServerFrame, tag="welcome"):
    """`room` is the slug, `seq` the room's head, `online` counts people, oneself included.

    `people` are those online; empty in a large room.
    """

    connection_id: str
    room: str
    you: Person
    seq: int
    online: int
    people: list[Person]
    protocol: int = 1


class Sent(ServerFrame, tag="sent"):
    client_id: str | UnsetType = UNSET
    seq: int | UnsetType = UNSET
    timestamp: Timestamp | UnsetType = UNSET


class You(ServerFrame, tag="you"):
    you: Person


class TypingFrom(ServerFrame, tag="typing"):
    from_: Person = field(name="from")


class System(ServerFrame, tag="system"):
    """`user`, as they are now, where the message is about a person."""

    message: str
    user: Person | UnsetType = UNSET
    online: int | UnsetType = UNSET


class ReadUpTo(Struct, kw_only=True, frozen=True):
    user: Person
    seq: int


class Reads(ServerFrame, tag="read"):
    reads: list[ReadUpTo]


class EventFrom(ServerFrame, tag="event"):
    from_: Person = field(name="from")
    name: str
    data: Any


_DURABLE = {
    "anyOf": [
        {"$ref": f"#/components/schemas/{frame.__name__}"}
        for frame in (Message, Member, RoomChanged)
    ]
}


class History(ServerFrame, tag="history"):
    """`events` are durable frames, ascending; `has_more` in the direction that was asked for."""

    events: Annotated[list[msgspec.Raw], Meta(extra_json_schema={"items": _DURABLE})]
    has_more: bool


server_frames = (
    Welcome,
    Sent,
    Message,
    Member,
    RoomChanged,
    TypingFrom,
    System,
    You,
    Reads,
    EventFrom,
    History,
    PresenceChanged,
)
