"""The room socket: parses and answers. What changes is in actions, who may in access."""

import time
from typing import Any

import msgspec
from django.core.exceptions import ValidationError
from msgspec import UNSET

from accounts.actions import rename
from chat import access, queries
from chat.actions import check_text, mark_read
from chat.errors import NotFound, TextInvalid
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
)
from chat.groups import room_group
from chat.models import Room
from chat.post_queue import post_queues
from chat.posting import Post, Receipt
from chat.reads import read_board
from notifications.actions import tell_room_unread
from realtime import database
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import FrameError, Refused
from realtime.following import LogConsumer
from realtime.frames import Person, ServerFrame, encode
from realtime.presence import NAMED_LIMIT, presences
from realtime.publish import publish

TYPING_INTERVAL = 2.0


class RoomConsumer(LogConsumer):
    decoder = decoder

    slug: str
    room: Room
    you: Person
    _present = False
    _typed_at = 0.0
    _read_seq = 0

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
        self.group_name = room_group(self.room.pk)
        head, missed = await self.join(self.group_name)
        self._present = True
        online = await presences.get().arrive(self.group_name, self.you)
        welcome = Welcome(
            connection_id=self.connection_id,
            room=self.slug,
            you=self.you,
            seq=head,
            online=online.total,
            people=online.people,
        )
        self.go_live(welcome, head, missed)

    async def leave(self) -> None:
        await super().leave()
        if self._present:
            presences.get().depart(self.group_name, self.you.id)

    def told(self, notice: str, details: Any) -> None:
        # It may come while enter() is under way, between the look at the members and the room.
        if notice == "renamed":
            self.you = msgspec.convert(details, Person)
            if self._present:
                presences.get().rename(self.group_name, self.you)
        elif notice == "removed" and details["room"] == self.slug:
            self.end(
                Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "You are no longer in this room.")
            )

    # --- frames ---

    async def on_message(self, frame: PostMessage) -> None:
        if frame.attachments or frame.reply_to is not None:
            raise FrameError(
                ErrorCode.UNSUPPORTED, "Attachments and replies are not supported yet."
            )
        try:
            check_text(frame.text)
        except TextInvalid as error:
            code = ErrorCode.TOO_LONG if error.too_long else ErrorCode.BAD_FRAME
            raise FrameError(code, str(error)) from error
        post = Post(
            room_id=self.room.pk,
            author=self.credential.user,
            person=self.you,
            text=frame.text,
            client_id=frame.client_id,
            on_stored=lambda receipt: self._stored(frame, receipt),
        )
        await self.in_background(frame, self._post(post))

    async def _post(self, post: Post) -> None:
        try:
            await post_queues.get().put(post)
        except NotFound as error:
            raise FrameError(ErrorCode.NOT_FOUND, str(error)) from error

    def _stored(self, frame: PostMessage, receipt: Receipt) -> None:
        sent = Sent(
            ref=frame.ref,
            client_id=frame.client_id,
            seq=receipt.seq,
            timestamp=receipt.timestamp,
        )
        self.hub.call_threadsafe(self.answer, sent)

    async def on_typing(self, frame: Typing) -> None:
        now = time.monotonic()
        if now - self._typed_at >= TYPING_INTERVAL:
            self._typed_at = now
            self._publish(TypingFrom(from_=self.you), skip=self.you.id)

    async def on_read(self, frame: Read) -> None:
        unread = await database.run(
            mark_read, room=self.room, user=self.credential.user, seq=frame.seq
        )
        if unread is not None:
            tell_room_unread(room=self.room.slug, counts={self.you.id: unread})
        seq = min(frame.seq, self.seq or 0)
        if seq > self._read_seq and presences.get().count_here(self.group_name) <= NAMED_LIMIT:
            self._read_seq = seq
            read_board.get().note(self.group_name, self.you, seq)

    async def on_set_name(self, frame: SetName) -> None:
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
        if frame.after is UNSET:
            before = None if frame.before is UNSET else frame.before
            return queries.events_before(self.room, before=before, limit=frame.limit)
        if frame.before is UNSET:
            return queries.events_after(self.room, after=frame.after, limit=frame.limit)
        raise FrameError(
            ErrorCode.BAD_FRAME, "Ask for events before or after, not both.", malformed=True
        )

    def _publish(self, frame: ServerFrame, *, skip: str | None = None) -> None:
        publish(self.group_name, frame, skip=skip)
