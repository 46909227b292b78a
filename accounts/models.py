from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    """Django's user, unchanged: a host site may have its own instead."""

    class Meta(AbstractUser.Meta):
        swappable = "AUTH_USER_MODEL"


class Profile(models.Model):
    """What we know of a person beyond their account. A user without one goes by the username."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="profile", primary_key=True
    )
    display_name = models.CharField(max_length=50)
    guest = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.display_name


class Ticket(models.Model):
    """A way in for those who cannot set headers: used once, within seconds, and then gone.

    It is worth no more than the credential it was got with. `ends_at` is when that one expires;
    `session_key` is that of the session, which must still be there; `auth_hash` changes with the
    user's password.
    """

    hash = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256: see actions
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField(null=True)
    # As long as the host's session engine makes them: with signed cookies, the whole session.
    session_key = models.TextField(blank=True, editable=False)
    auth_hash = models.CharField(max_length=128, editable=False)

    def __str__(self) -> str:
        return f"ticket {self.pk}"
