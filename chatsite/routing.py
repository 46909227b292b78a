"""The sockets of the site, and what is said of them at /api/asyncapi.json."""

from functools import cache
from typing import Any

from channels.routing import URLRouter
from django.http import JsonResponse
from django.urls import URLPattern, path, re_path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from accounts.api import OpenView
from accounts.schema import socket_security
from chat.routing import websocket_urlpatterns as chat
from notifications.routing import websocket_urlpatterns as notifications
from ops.routing import websocket_urlpatterns as ops
from realtime.asyncapi import document
from realtime.echo import EchoConsumer
from realtime.elsewhere import NotFoundConsumer
from topics.routing import websocket_urlpatterns as topics

websocket_urlpatterns: list[URLPattern] = [
    *chat,
    *notifications,
    *topics,
    *ops,
    path("ws/echo/", EchoConsumer.as_asgi()),
]
sockets = URLRouter([*websocket_urlpatterns, re_path(r"", NotFoundConsumer.as_asgi())])

INFO = {
    "title": "chatsite",
    "version": "1",
    "description": "Rooms, notifications and topics, live. Meanings are in docs/protocol.md; "
    "for HTTP see /api/docs/.",
}
SECURITY = socket_security()


class AsyncApiView(OpenView):
    """The AsyncAPI document, for whoever asks."""

    @extend_schema(exclude=True)
    def get(self, request: Request) -> JsonResponse:
        server = {
            "host": request.get_host(),
            "protocol": "wss" if request.is_secure() else "ws",
            "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in SECURITY],
        }
        return JsonResponse(_described() | {"servers": {"site": server}})


@cache
def _described() -> dict[str, Any]:
    """Without the server, which is whatever the client calls it. 6 ms: made once."""
    return document(websocket_urlpatterns, info=INFO, servers={}, security_schemes=SECURITY)
