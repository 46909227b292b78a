"""The whole stack in one screen.

HTTP goes to Django; a WebSocket passes the authentication, then the route to its consumer.
"""

import os

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
http = get_asgi_application()  # first: it sets Django up, and the imports below need that

from accounts.sockets import SocketAuthentication  # noqa: E402
from chat.routing import websocket_urlpatterns as chat  # noqa: E402
from notifications.routing import websocket_urlpatterns as notifications  # noqa: E402
from realtime.elsewhere import NotFoundConsumer  # noqa: E402

sockets = URLRouter([*chat, *notifications, re_path(r"", NotFoundConsumer.as_asgi())])

application = ProtocolTypeRouter({"http": http, "websocket": SocketAuthentication(sockets)})
