from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from realtime import database
from realtime.consumer import SocketConsumer
from realtime.following import send_missed
from realtime.frames import Person
from realtime.outbox import Frames
from topics import access, actions, queries
from topics.backend import run
from topics.errors import NotAllowed, TooManyTopics, TopicsAway
from topics.frames import (
    Publish,
    Published,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Welcome,
    decoder,
    server_frames,
)
from topics.names import topic_group
from topics.store import TopicStore

MAX_SUBSCRIPTIONS = 100  # of a socket


class Subscription:
    """One socket's place in the group of one topic."""

    __slots__ = ("connection_id", "deliver", "person_id")

    def __init__(self, consumer: SocketConsumer) -> None:
        self.connection_id = consumer.connection_id
        self.person_id = consumer.person_id
        self.deliver: Callable[[Frames], None] = consumer.deliver


class TopicConsumer(SocketConsumer):
    """Publish and subscribe on named topics over one socket."""

    decoder = decoder
    server_frames = (*SocketConsumer.server_frames, *server_frames)
    key_scopes = frozenset({access.PUBLISH, access.SUBSCRIBE})

    you: Person

    def __init__(self, *, store: TopicStore | None = None, **services: Any) -> None:
        """`store` is this process's own by default."""
        super().__init__(**services)
        self._store = store
        self._subscriptions: dict[str, Subscription] = {}

    # --- life cycle ---

    async def enter(self) -> None:
        self.you = self.credential.person
        self.answer(Welcome(connection_id=self.connection_id, you=self.you))

    async def leave(self) -> None:
        for topic in list(self._subscriptions):
            self._drop(topic)

    def told(self, notice: str, details: Any) -> None:
        if notice == "renamed":
            self.you = msgspec.convert(details, Person)

    # --- frames ---

    async def on_subscribe(self, frame: Subscribe) -> None:
        if not access.may_subscribe(self.credential, frame.topic):
            raise NotAllowed("This topic is another person's.")
        self._drop(frame.topic)
        if len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            raise TooManyTopics(MAX_SUBSCRIPTIONS)
        after = None if frame.after is UNSET else frame.after
        epoch = None if frame.epoch is UNSET else frame.epoch
        try:
            while missed := await self._follow(frame, after=after, epoch=epoch):
                after, epoch = missed
        except Exception:
            self._drop(frame.topic)
            raise

    async def _follow(
        self, frame: Subscribe, *, after: int | None, epoch: str | None
    ) -> tuple[int, str] | None:
        """Join first, read second: no publication falls between the two.

        Returns the place from which to begin again if too much came meanwhile.
        """
        subscription = self._subscriptions[frame.topic] = Subscription(self)
        group = self.hub.join(topic_group(frame.topic), subscription)
        head, entries, recovered = await run(
            queries.tail, topic=frame.topic, after=after, epoch=epoch, store=self._store
        )
        await self.hub.catch_up(group, head=head.seq)
        self.answer(
            Subscribed(
                ref=frame.ref,
                topic=frame.topic,
                offset=head.offset,
                epoch=str(head.epoch),
                recovered=UNSET if recovered is None else recovered,
            )
        )
        await send_missed(self, entries)
        if group.go_live(subscription, after=head.seq):
            return None
        self._drop(frame.topic)
        place = head.offset, str(head.epoch)
        if place == (after, epoch):  # the store has lost what was delivered of it
            raise TopicsAway
        return place

    async def on_unsubscribe(self, frame: Unsubscribe) -> None:
        self._drop(frame.topic)
        self.answer(Unsubscribed(ref=frame.ref, topic=frame.topic))

    async def on_publish(self, frame: Publish) -> None:
        if not await self._may_publish(frame.topic):
            raise NotAllowed("Only staff and API keys publish in a person's own topics.")
        offset = await run(
            actions.publish, topic=frame.topic, data=frame.data, by=self.you, store=self._store
        )
        self.answer(Published(ref=frame.ref, topic=frame.topic, offset=offset))

    async def _may_publish(self, topic: str) -> bool:
        """Only where it takes a query is it worth a thread."""
        if access.is_open(topic) or self.credential.scopes is not None:
            return access.may_publish(self.credential, topic)
        return await database.run(access.may_publish, self.credential, topic)

    def _drop(self, topic: str) -> None:
        if subscription := self._subscriptions.pop(topic, None):
            self.hub.leave(topic_group(topic), subscription)
