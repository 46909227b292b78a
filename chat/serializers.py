from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import extend_schema_field
from msgspec import to_builtins
from rest_framework import serializers

from accounts.api import PersonSerializer
from accounts.fields import Boolean, Text
from accounts.names import MAX_NAME, clean_name
from accounts.queries import person
from chat.actions import check_text
from chat.errors import TextInvalid, Unsupported
from chat.frames import MAX_TEXT
from chat.models import Membership, Role, Room, Visibility
from realtime.strict_json import MAX_INTEGER

MAX_TOPIC = 250
MAX_PERSON_ID = 100


class RoomSerializer(serializers.ModelSerializer[Room]):
    """`seq` is the head of the room's log; `unread` is 0 in rooms that one has not joined."""

    seq = serializers.IntegerField(source="head", read_only=True)
    unread = serializers.IntegerField(read_only=True, default=0)
    visibility = serializers.ChoiceField(choices=Visibility.choices, required=False)
    name = Text(max_length=MAX_NAME)
    topic = Text(max_length=MAX_TOPIC, required=False, allow_blank=True)
    open_to_guests = Boolean(required=False)

    class Meta:
        model = Room
        fields = ["slug", "name", "topic", "visibility", "open_to_guests", "seq", "unread"]
        read_only_fields = ["slug"]

    def validate_name(self, name: str) -> str:
        try:
            return clean_name(name)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from error


class NewRoomSerializer(RoomSerializer):
    """Direct rooms are not made like others."""

    visibility = serializers.ChoiceField(
        choices=[Visibility.PUBLIC.value, Visibility.PRIVATE.value], required=False
    )


class RoomChangeSerializer(serializers.Serializer[Any]):
    name = Text(max_length=MAX_NAME, required=False)
    topic = Text(max_length=MAX_TOPIC, required=False, allow_blank=True)

    validate_name = RoomSerializer.validate_name


class MemberSerializer(serializers.Serializer[Any]):
    user = serializers.SerializerMethodField()
    role = serializers.ChoiceField(choices=Role.choices)
    joined_at = serializers.DateTimeField()

    @extend_schema_field(PersonSerializer)
    def get_user(self, member: Membership) -> dict[str, Any]:
        return dict(to_builtins(person(member.user)))


class NewMemberSerializer(serializers.Serializer[Any]):
    """`user` is the id of somebody who may sign in."""

    user = Text(max_length=MAX_PERSON_ID)
    role = serializers.ChoiceField(choices=Role.choices, required=False)


class RemovalQuerySerializer(serializers.Serializer[Any]):
    """`ban`: true puts out and keeps out, false lifts a ban; without it a member is put out."""

    user = Text(max_length=MAX_PERSON_ID)
    ban = serializers.BooleanField(required=False, allow_null=True, default=None)


class RemovalSerializer(RemovalQuerySerializer):
    ban = Boolean(required=False, allow_null=True, default=None)


class MessageSerializer(serializers.Serializer[Any]):
    text = Text(max_length=MAX_TEXT, trim_whitespace=False)
    client_id = Text(min_length=1, max_length=64, trim_whitespace=False)

    def validate_text(self, text: str) -> str:
        try:
            check_text(text)
        except TextInvalid as error:
            raise serializers.ValidationError(error.message) from error
        return text

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What is in no schema is not told to have been done."""
        given = self.initial_data
        if given.get("reply_to") is not None or given.get("attachments") not in (None, []):
            raise Unsupported
        return attrs


class ReceiptSerializer(serializers.Serializer[Any]):
    client_id = serializers.CharField()
    seq = serializers.IntegerField()
    timestamp = serializers.DateTimeField()


class EventQuerySerializer(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER, required=False)
    before = serializers.IntegerField(min_value=0, max_value=MAX_INTEGER, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "after" in attrs and "before" in attrs:
            raise serializers.ValidationError("Ask for events after or before, not both.")
        return attrs


class EventPageSerializer(serializers.Serializer[Any]):
    """`results` are durable frames as on the socket, ascending; `previous` leads to older ones."""

    results = serializers.ListField(child=serializers.DictField())
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
