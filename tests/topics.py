"""What a client asks of topics, and a store that is away."""

from typing import Any

from tests.sockets import Socket, connected
from topics.consumers import TopicConsumer
from topics.errors import TopicsAway
from topics.store import MemoryTopics

app = TopicConsumer.as_asgi()
T = "prices"


class Away:
    """A store behind which nobody is."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> Any:
            raise TopicsAway

        return refuse


def at_topics(user: Any) -> Any:
    return connected(app, "/ws/topics/", user)


async def ask(socket: Socket, type_: str, answer: str, **fields: Any) -> dict[str, Any]:
    await socket.send(type=type_, **fields)
    return await socket.until(answer)


async def subscribe(socket: Socket, topic: str = T, **place: Any) -> dict[str, Any]:
    return await ask(socket, "subscribe", "subscribed", topic=topic, **place)


async def publish(socket: Socket, data: Any = None, topic: str = T) -> int:
    frame = await ask(socket, "publish", "published", topic=topic, data=data)
    return int(frame["offset"])


async def refused(socket: Socket, **frame: Any) -> dict[str, Any]:
    await socket.send(**frame)
    return await socket.until("error")


def offsets(socket: Socket, topic: str = T) -> list[int]:
    return [
        frame["offset"]
        for frame in socket.frames
        if frame["type"] == "publication" and frame["topic"] == topic
    ]


async def heard(socket: Socket, last: int, topic: str = T) -> list[int]:
    """All offsets of the topic, once the last has come."""
    while not offsets(socket, topic) or offsets(socket, topic)[-1] < last:
        assert (await socket.next())["type"] != "close"
    return offsets(socket, topic)


def lose_all(store: MemoryTopics) -> None:
    for topic in list(store._topics):
        store._drop(topic)
