"""The frames of /ws/ops/."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from realtime.frames import ClientFrame, Decoder, Person, ServerFrame, Timestamp

Id = Annotated[str, Meta(min_length=1, max_length=64)]

# --- from the client ---


class GetTime(ClientFrame, tag="get-time"):
    pass


class GetStatus(ClientFrame, tag="get-status"):
    pass


class Kick(ClientFrame, tag="kick"):
    """`user` is the id of a person."""

    user: Id
    reason: str = ""


class Disconnect(ClientFrame, tag="disconnect"):
    connection_id: Id


class Announce(ClientFrame, tag="announce"):
    message: str


class Bye(ClientFrame, tag="bye"):
    pass


decoder = Decoder([GetTime, GetStatus, Kick, Disconnect, Announce, Bye])

# --- to the client ---


class Welcome(ServerFrame, tag="welcome"):
    connection_id: str
    you: Person
    protocol: int = 1


class Status(ServerFrame, tag="status"):
    """Over all workers. `uptime`, of the oldest, is in seconds; `rooms` are those with people."""

    uptime: float
    connections: int
    rooms: int
    memory_mb: float
    messages_per_second: float
    workers: int


class Time(ServerFrame, tag="time"):
    timestamp: Timestamp


class Kicked(ServerFrame, tag="kicked"):
    user: Person


class Disconnected(ServerFrame, tag="disconnected"):
    """`user`: whose it was; absent for an echo without a credential."""

    connection_id: str
    user: Person | UnsetType = UNSET


class Announced(ServerFrame, tag="announced"):
    message: str


server_frames = (Welcome, Status, Time, Kicked, Disconnected, Announced)
