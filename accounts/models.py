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


class ApiKey(models.Model):
    """A way in for programs: they act as `user`, within `scopes` (see accounts.scopes).

    Only the hash of the key is kept; `prefix`, with which it begins, tells it from others.
    """

    hash = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256: see api_keys
    prefix = models.CharField(max_length=16, editable=False)
    name = models.CharField(max_length=100, help_text="What it is for.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)

    text = ""  # of a key that was made just now, and not read from the database

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.name})"


class Ticket(models.Model):
    """A way in for those who cannot set headers: used once, within seconds, and then gone.

    It is worth no more than the credential it was got with. `ends_at` is when that one expires;
    `session_key` is that of the session, which must still be there; `family` is that of the token,
    which must not be revoked; `api_key` is the key, which must still be good; `auth_hash` changes
    with the user's password.
    """

    hash = models.CharField(max_length=64, unique=True, editable=False)  # SHA-256: see actions
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    ends_at = models.DateTimeField(null=True)
    # As long as the host's session engine makes them: with signed cookies, the whole session.
    session_key = models.TextField(blank=True, editable=False)
    family = models.CharField(max_length=64, blank=True, editable=False)
    api_key = models.ForeignKey(ApiKey, null=True, on_delete=models.CASCADE, related_name="+")
    auth_hash = models.CharField(max_length=128, editable=False)

    def __str__(self) -> str:
        return f"ticket {self.pk}"


class RevokedFamily(models.Model):
    """Tokens that came from one sign-in, of which a refresh token was revoked: none counts now.

    Kept for as long as one of them may not have expired.
    """

    family = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.family
