from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q

from realtime.models import LogEntry, LogOwner

MAX_KIND = 50
MAX_TITLE = 200
MAX_MESSAGE = 2000
MAX_ACTION_URL = 500
MAX_KEY = 200


class Inbox(LogOwner):
    """A person's log. Made when the person is first notified or first looks."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="inbox"
    )

    class Meta:
        verbose_name_plural = "inboxes"

    def __str__(self) -> str:
        return f"inbox {self.pk}"


class InboxEntry(LogEntry):
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="entries")

    class Meta:
        verbose_name_plural = "inbox entries"
        constraints = [
            models.UniqueConstraint(fields=["inbox", "seq"], name="inbox_entry_once"),
        ]

    def __str__(self) -> str:
        return f"{self.inbox_id}/{self.seq}"


class Notification(models.Model):
    """`seq` is that of the entry which announced it; `unread` is never stored, always counted."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    inbox = models.ForeignKey(Inbox, on_delete=models.CASCADE, related_name="notifications")
    seq = models.PositiveBigIntegerField(editable=False)
    timestamp = models.DateTimeField(editable=False)
    kind = models.CharField(max_length=MAX_KIND)
    title = models.CharField(max_length=MAX_TITLE)
    message = models.TextField(max_length=MAX_MESSAGE, blank=True)
    action_url = models.CharField(max_length=MAX_ACTION_URL, blank=True)
    data = models.JSONField(default=dict, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    # Null and not "": most have none, and the index leaves them out.
    idempotency_key = models.CharField(max_length=MAX_KEY, null=True, blank=True)  # noqa: DJ001

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["inbox", "seq"], name="notification_seq_once"),
            models.UniqueConstraint(
                fields=["inbox", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="notification_key_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["inbox", "seq"],
                condition=Q(read_at__isnull=True),
                name="notification_unread",
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def public_id(self) -> str:
        return self.id.hex
