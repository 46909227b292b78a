from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from realtime.models import LogEntry, LogOwner


class Visibility(models.TextChoices):
    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct"


class Room(LogOwner):
    """A room and its log.

    `message_count` says how many of its events were messages, `tail_messages` how many of those
    were pruned.

    `removal_seq` is that of the last event that may have put somebody out, a Removal or a change of
    who may come in: whoever was let in later need not ask whether they still may be there.
    """

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=50)
    topic = models.CharField(max_length=250, blank=True)
    visibility = models.CharField(
        max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC
    )
    open_to_guests = models.BooleanField(default=False)
    message_count = models.PositiveBigIntegerField(default=0, editable=False)
    tail_messages = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)
    removal_seq = models.PositiveBigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Membership", related_name="chat_rooms"
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner"
    MODERATOR = "moderator"
    MEMBER = "member"


class Membership(models.Model):
    """`read_messages` is how many of the room's messages had a `seq` up to `read_seq`.

    So the number of unread ones is derived: `room.message_count - read_messages`.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_memberships"
    )
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now, editable=False)
    read_seq = models.PositiveBigIntegerField(default=0, editable=False)
    read_messages = models.PositiveBigIntegerField(default=0, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_membership_per_room")
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.room}"


class Removal(models.Model):
    """Somebody who was put out of a room, or left one that is not public, and has not come back.

    `seq` is that of the event: what was let into the room before it, such as an open socket, counts
    no more. `banned` ones may not know of the room until the ban is lifted.
    """

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="removals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chat_removals"
    )
    seq = models.PositiveBigIntegerField(editable=False)
    timestamp = models.DateTimeField(default=timezone.now, editable=False)
    banned = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "user"], name="one_removal_per_room")
        ]

    def __str__(self) -> str:
        return f"{self.user} out of {self.room}"


class Event(LogEntry):
    """One entry of a room's log. `kind` is the type of the frame in `payload`."""

    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=10)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    client_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL: not sent by a client

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["room", "seq"], name="one_event_per_seq"),
            models.UniqueConstraint(
                fields=["room", "author", "client_id"],
                condition=Q(client_id__isnull=False),
                name="one_event_per_client_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.room_id}:{self.seq} {self.kind}"
