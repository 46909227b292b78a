"""The room socket: parses and answers. What changes is in actions, who may in access."""

from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from msgspec import UNSET

from accounts.actions import rename
from chat import access, queries
from chat.actions import check_text
from chat.conf import conf
from chat.errors import Unsupported
from chat.frames import (
    MAX_EVENT_BYTES,
    EventFrom,
    GetHistory,
    History,
    PostMessage,
    Read,
    SendEvent,
    Sent,
    SetName,
    System,
    Typing,
    TypingFrom,
    Welcome,
    You,
    decoder,
    server_frames,
)
from chat.groups import room_group
from chat.marks import Mark
from chat.models import Room
from chat.post_queue import PostQueue, post_queues
from chat.posting import Post, Receipt, Waiting
from chat.read_queue import ReadQueue, read_queues
from chat.reads import read_board
from realtime import database
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import FrameError, Refused
from realtime.following import LogConsumer
from realtime.frames import ALWAYS, ClientFrame, Person, ServerFrame, encode, tag_of
from realtime.limit_store import Rate
from realtime.limits import MESSAGES, Rates, rates, too_soon
from realtime.per_loop import PerLoop
from realtime.presence import Presence, presences
from realtime.presence_store import NAMED_LIMIT
from realtime.publish import publish
from realtime.strict_json import MAX_INTEGER

TYPING = Rate(conf.TYPING_INTERVAL, slack=0.0)


class RoomConsumer(LogConsumer):
    """One room, live."""

    decoder = decoder
    server_frames = (*LogConsumer.server_frames, *server_frames)
    key_scopes = frozenset({access.READ})

    slug = ""
    room: Room
    you: Person
    _present = False
    _read_seq = 0
    _since = MAX_INTEGER

    def __init__(
        self,
        *,
        rates: Rates = rates,
        presences: PerLoop[Presence] = presences,
        posts: PerLoop[PostQueue] = post_queues,
        reads: PerLoop[ReadQueue] = read_queues,
        **services: Any,
    ) -> None:
        super().__init__(**services)
        self._rates = rates
        self._presences = presences
        self._posts = posts
        self._reads = reads

    # --- life cycle ---

    async def enter(self) -> None:
        self.you = self.credential.person
        self.slug = self.scope["url_route"]["kwargs"]["slug"]
        try:
            self.room = await database.run(access.room_for, self.credential.user, self.slug)
        except Room.DoesNotExist:
            raise Refused(
                CloseCode.NOT_FOUND, ErrorCode.NOT_FOUND, "There is no such room."
            ) from None
        self._since = self.room.head
        self.hub.sweep.add(self)  # an earlier look may have been in vain: this was not known to it
        self.group_name = room_group(self.room.pk)
        head, missed = await self.join(self.group_name)
        self._present = True
        online = await self._presences.get().arrive(self.group_name, self.you)
        welcome = Welcome(
            connection_id=self.connection_id,
            room=self.slug,
            you=self.you,
            seq=head,
            online=online.total,
            people=online.people,
        )
        await self.go_live(welcome, head, missed)

    async def leave(self) -> None:
        await super().leave()
        if self._present:
            self._presences.get().depart(self.group_name, self.you.id)

    def told(self, notice: str, details: Any) -> None:
        # It may come while enter() is under way, between the look at the members and the room.
        if notice == "renamed":
            self.you = msgspec.convert(details, Person)
            if self._present:
                self._presences.get().rename(self.group_name, self.you)

    @property
    def entry(self) -> access.Entry:
        """What the socket stands on; while it is being let in, that is only looked at as it is."""
        return access.Entry(
            slug=self.slug,
            user_id=self.credential.user.pk,
            guest=self.credential.person.guest is True,
            since=self._since,
        )

    # --- frames ---

    async def receive_frame(self, frame: ClientFrame) -> None:
        tag = tag_of(frame)
        if tag not in ALWAYS and not access.may_send(self.credential.scopes, tag):
            raise FrameError(ErrorCode.FORBIDDEN, "The API key is not for this.").about(frame)
        await super().receive_frame(frame)

    async def on_message(self, frame: PostMessage) -> None:
        if frame.attachments or frame.reply_to is not None:
            raise Unsupported
        check_text(frame.text)
        await self._check_pace()
        post = Post(
            room_id=self.room.pk,
            author=self.credential.user,
            person=self.you,
            text=frame.text,
            client_id=frame.client_id,
            entered_at=self._since,
        )
        await self.begin()
        self._posts.get().put(
            Waiting(
                post=post,
                on_stored=lambda receipt: self._stored(frame, receipt),
                on_failed=lambda error: self.finish(frame, error),
            )
        )

    async def _check_pace(self) -> None:
        """Of what everybody in the room is shown, on all sockets of the person together."""
        if wait := await self._rates.take(MESSAGES, self.you.id):
            raise too_soon(wait)

    def _stored(self, frame: PostMessage, receipt: Receipt) -> None:
        if not receipt.repeated:
            self._since = receipt.seq  # in the room then, so an earlier removal is not ours
        self.finish(frame)
        self.answer(
            Sent(
                ref=frame.ref,
                client_id=frame.client_id,
                seq=receipt.seq,
                timestamp=receipt.timestamp,
            )
        )

    async def on_typing(self, frame: Typing) -> None:
        if not self._rates.take_here(f"typing:{self.group_name}:{self.you.id}", TYPING):
            self._publish(TypingFrom(from_=self.you), skip=self.you.id)

    async def on_read(self, frame: Read) -> None:
        if frame.seq <= self._read_seq:
            return
        mark = Mark(self.room.pk, self.credential.user.pk, frame.seq)
        await self._reads.get().put(mark, slug=self.slug)
        seq = min(frame.seq, self.seq or 0)
        here = self._presences.get().count_here(self.group_name)
        if seq > self._read_seq and here <= NAMED_LIMIT:
            read_board.get().note(self.group_name, self.you, seq)
        self._read_seq = max(self._read_seq, seq)

    async def on_set_name(self, frame: SetName) -> None:
        await self._check_pace()
        before = self.you.name
        try:
            you = await database.run(rename, user=self.credential.user, name=frame.name)
        except ValidationError as error:
            too_long = error.code == "too_long"
            raise FrameError(
                ErrorCode.TOO_LONG if too_long else ErrorCode.BAD_FRAME, error.messages[0]
            ) from error
        self.you = you
        self.answer(You(ref=frame.ref, you=you))
        if you.name != before:
            self._publish(System(message=f"{before} is now known as {you.name}", user=you))

    async def on_event(self, frame: SendEvent) -> None:
        if len(encode(frame.data)) > MAX_EVENT_BYTES:
            raise FrameError(ErrorCode.TOO_LONG, "An event's data is at most 4 KiB.")
        event = EventFrom(from_=self.you, name=frame.name, data=frame.data)
        self._publish(event, skip=self.connection_id)
        self.answer(Sent(ref=frame.ref))

    async def on_history(self, frame: GetHistory) -> None:
        page = await database.run(self._page, frame)
        events = [msgspec.Raw(payload.encode()) for payload in page.payloads]
        self.answer(History(ref=frame.ref, events=events, has_more=page.has_more))

    def _page(self, frame: GetHistory) -> queries.Page:
        events = access.events_for(self.credential.user, self.room)
        if frame.after is UNSET:
            before = None if frame.before is UNSET else frame.before
            return queries.events_before(events, before=before, limit=frame.limit)
        if frame.before is UNSET:
            return queries.events_after(self.room, events, after=frame.after, limit=frame.limit)
        raise FrameError(
            ErrorCode.BAD_FRAME, "Ask for events before or after, not both.", malformed=True
        )

    def _publish(self, frame: ServerFrame, *, skip: str | None = None) -> None:
        publish(self.group_name, frame, skip=skip)
