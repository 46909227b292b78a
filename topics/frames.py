"""The frames of /ws/topics/."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from realtime.frames import ClientFrame, Decoder, Person, Seq, ServerFrame, Timestamp
from topics.names import TOPIC_PATTERN

Topic = Annotated[str, Meta(pattern=TOPIC_PATTERN)]

# --- from the client ---


class Subscribe(ClientFrame, tag="subscribe"):
    topic: Topic
    after: Seq | UnsetType = UNSET
    epoch: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET


class Unsubscribe(ClientFrame, tag="unsubscribe"):
    topic: Topic


class Publish(ClientFrame, tag="publish"):
    topic: Topic
    data: Any


decoder = Decoder([Subscribe, Unsubscribe, Publish])

# --- to the client ---


class Welcome(ServerFrame, tag="welcome"):
    connection_id: str
    you: Person
    protocol: Literal[1] = 1


class Subscribed(ServerFrame, tag="subscribed"):
    """`offset` is the topic's last one. What was missed of it follows, then what is live.

    `recovered` answers an `after`: false where publications were lost. A frame that nobody asked
    for says so of a live subscription.
    """

    topic: str
    offset: int
    epoch: str
    recovered: bool | UnsetType = UNSET


class Unsubscribed(ServerFrame, tag="unsubscribed"):
    topic: str


class Published(ServerFrame, tag="published"):
    topic: str
    offset: int


class Publication(ServerFrame, tag="publication"):
    """`offset` is last, for the store to write it in: see `topics.store.numbered`."""

    topic: str
    data: Any
    from_: Person = field(name="from")
    timestamp: Timestamp
    offset: int


server_frames = (Welcome, Subscribed, Unsubscribed, Published, Publication)
