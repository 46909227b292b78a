"""The log, as abstract models: an owner with a head, and entries numbered without holes.

The row of the owner is locked while numbers are taken, up to the commit. So an entry that can be
seen means that all below it can be seen.
"""

from django.db import models


class LogOwner(models.Model):
    """Whoever has a log: a room, an inbox.

    `head` is the last `seq` given out, `tail` the last that was pruned: entries beyond it, up to
    the head, are there. Both are 0 at first.
    """

    head = models.PositiveBigIntegerField(default=0, editable=False)
    tail = models.PositiveBigIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        abstract = True


class LogEntry(models.Model):
    """One durable frame. `payload` is its JSON exactly as it goes over the wire.

    Subclasses add the foreign key to the owner and UNIQUE(owner, seq).
    """

    seq = models.PositiveBigIntegerField(editable=False)
    timestamp = models.DateTimeField(editable=False)
    payload = models.TextField(editable=False)

    class Meta:
        abstract = True
