from typing import Any, NoReturn

from django.db import models


class AppendOnly(TypeError):
    """What was done cannot be undone by writing that it was not."""


class _Entries(models.QuerySet["AuditEntry"]):
    def update(self, **_: Any) -> NoReturn:
        raise AppendOnly

    def delete(self) -> NoReturn:
        raise AppendOnly


class AuditEntry(models.Model):
    """What staff did, to whom and when, as it was called then.

    People are kept by id and name and not by key: the entry outlives them.
    """

    class What(models.TextChoices):
        KICK = "kick"
        DISCONNECT = "disconnect"
        ANNOUNCE = "announce"

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    who_id = models.CharField(max_length=64)
    who_name = models.CharField(max_length=150)
    what = models.CharField(max_length=20, choices=What.choices)
    whom_id = models.CharField(max_length=64, blank=True)
    whom_name = models.CharField(max_length=150, blank=True)
    connection_id = models.CharField(max_length=64, blank=True)
    words = models.TextField(blank=True)  # the reason, or what was announced

    objects = _Entries.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        whom = self.whom_name or self.connection_id
        return " ".join(part for part in (self.who_name, self.what, whom) if part)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> NoReturn:
        raise AppendOnly
