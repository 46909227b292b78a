from django.conf import settings
from django.db import models

MAX_REFERENCE = 100
MAX_TRACKING_NUMBER = 100


class Order(models.Model):
    class Status(models.TextChoices):
        PENDING = "pending"
        SHIPPED = "shipped"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="orders"
    )
    reference = models.CharField(max_length=MAX_REFERENCE)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    tracking_number = models.CharField(max_length=MAX_TRACKING_NUMBER, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    shipped_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.reference
