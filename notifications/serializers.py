"""Bodies of the API, both ways."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.fields import Boolean, Integer, Text
from notifications.content import check_action_url, check_data
from notifications.kinds import kind_named
from notifications.models import (
    MAX_ACTION_URL,
    MAX_KEY,
    MAX_KIND,
    MAX_MESSAGE,
    MAX_TITLE,
    Notification,
)
from realtime.strict_json import MAX_INTEGER

MAX_PEOPLE = 1000
API_KEYS = "api:"  # begins the idempotency keys that come from outside: none can be one of ours

T = TypeVar("T")


class NotificationSerializer(serializers.ModelSerializer[Notification]):
    id = serializers.CharField(source="public_id")
    data = serializers.DictField()  # type: ignore[assignment]  # a field, of that name
    read = serializers.SerializerMethodField()

    class Meta:
        model = Notification
        fields = [
            "id", "seq", "kind", "title", "message", "action_url", "data", "timestamp", "read",
        ]  # fmt: skip
        read_only_fields = fields

    def get_read(self, notification: Notification) -> bool:
        return notification.read_at is not None


class PageSerializer(serializers.Serializer[dict[str, Any]]):
    results = NotificationSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)

    class Meta:
        ref_name = "NotificationPage"


class ReadSerializer(serializers.Serializer[None]):
    read = Boolean()


class ReadAllSerializer(serializers.Serializer[None]):
    up_to = Integer(
        required=False, min_value=0, max_value=MAX_INTEGER, help_text="A `seq`; default: all."
    )


class UnreadSerializer(serializers.Serializer[dict[str, int]]):
    unread = serializers.IntegerField()


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": MAX_PEOPLE,
            },
        ]
    }
)
class PeopleField(serializers.Field):  # type: ignore[type-arg]  # not generic when run
    """Ids of people, or one; read as users, each once, in one query."""

    default_error_messages = {
        "invalid": "Expected the id of a person, or a list of ids.",
        "count": f"Expected 1 to {MAX_PEOPLE} people.",
        "unknown": "There is no person {id!r}.",
    }

    def to_internal_value(self, data: Any) -> list[AbstractBaseUser]:
        ids = data if isinstance(data, list) else [data]
        if not 0 < len(ids) <= MAX_PEOPLE:
            self.fail("count")
        keys = [self._key(item) for item in ids]
        users = get_user_model()._default_manager.in_bulk(keys)
        for item, key in zip(ids, keys, strict=True):
            if key not in users:
                self.fail("unknown", id=item)
        return [users[key] for key in keys]

    def _key(self, item: Any) -> Any:
        if not isinstance(item, str) or len(item) > 100:
            self.fail("invalid")
        field = get_user_model()._meta.pk
        try:
            key = field.to_python(item)
            field.run_validators(key)  # a number that the database cannot hold is nobody's
        except (DjangoValidationError, ValueError):
            self.fail("unknown", id=item)
        return key


class NotifySerializer(serializers.Serializer[None]):
    to = PeopleField()
    kind = Text(max_length=MAX_KIND)
    title = Text(max_length=MAX_TITLE)
    message = Text(max_length=MAX_MESSAGE, allow_blank=True)
    action_url = Text(max_length=MAX_ACTION_URL, allow_blank=True, default="")
    data = serializers.DictField(default=dict)  # type: ignore[assignment]  # a field, of that name
    idempotency_key = Text(max_length=MAX_KEY - len(API_KEYS), required=False)

    def validate_kind(self, kind: str) -> str:
        return _checked(kind_named, kind).name

    def validate_action_url(self, url: str) -> str:
        return _checked(check_action_url, url)

    def validate_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return _checked(check_data, data)

    def validate_idempotency_key(self, key: str) -> str:
        return API_KEYS + key


class NotifiedSerializer(serializers.Serializer[Notification]):
    """Of each notification only what its sender may know."""

    id = serializers.CharField(source="public_id")
    to = serializers.CharField(source="inbox.user_id")


class SentSerializer(serializers.Serializer[dict[str, Any]]):
    notifications = NotifiedSerializer(many=True)


def _checked(check: Callable[[Any], T], value: Any) -> T:
    try:
        return check(value)
    except ValueError as error:
        raise serializers.ValidationError(str(error)) from error
