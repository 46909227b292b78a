"""Publishing over HTTP, for backends."""

import re
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import scopes_of
from accounts.queries import person
from realtime.credentials import Credential
from topics import access, actions
from topics.errors import NotAllowed
from topics.names import TOPIC_PATTERN

NAMING = "1–100 of A–Z, a–z, 0–9, dot, underscore, colon and hyphen."


class PublicationSerializer(serializers.Serializer[Any]):
    data: Any = serializers.JSONField(allow_null=True, help_text="Any JSON, up to 16 KiB.")


class PublishedSerializer(serializers.Serializer[Any]):
    offset = serializers.IntegerField()


class PublishView(APIView):
    key_scopes: ClassVar = {"POST": access.PUBLISH}

    @extend_schema(
        operation_id="topics_publish",
        summary="Publish on a topic",
        description="In `user:<id>:…` topics for staff and API keys, elsewhere for anyone.",
        parameters=[
            OpenApiParameter("topic", OpenApiTypes.STR, OpenApiParameter.PATH, description=NAMING)
        ],
        request=PublicationSerializer,
        responses={
            200: PublishedSerializer,
            400: OpenApiResponse(description="Malformed, or too long."),
            403: OpenApiResponse(description="Somebody's own topic."),
            503: OpenApiResponse(description="Not now; it may have been published."),
        },
    )
    def post(self, request: Request, topic: str) -> Response:
        if not re.search(TOPIC_PATTERN, topic):
            raise ValidationError({"topic": [f"A topic is {NAMING}"]})
        credential = _credential(request)
        if not access.may_publish(credential, topic):
            raise NotAllowed(f"Only staff and API keys publish in {topic}.")
        given = PublicationSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data["data"]
        offset = actions.publish(topic=topic, data=data, by=credential.person)
        return Response({"offset": offset})


def _credential(request: Request) -> Credential:
    user: Any = request.user
    return Credential(user=user, person=person(user), kind="request", scopes=scopes_of(request))
