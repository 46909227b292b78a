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
