"""The whole stack in one screen.

HTTP goes to Django, unless it asks for health; a WebSocket passes the gate and the authentication,
then the route to its consumer (chatsite.routing).
"""

import os

from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
http = get_asgi_application()  # first: it sets Django up, and the imports below need that

from accounts.sockets import SocketAuthentication  # noqa: E402
from chatsite.health import Health  # noqa: E402
from chatsite.routing import sockets  # noqa: E402
from realtime import postgresql  # noqa: E402
from realtime.gate import Gate  # noqa: E402

postgresql.serve()

application = ProtocolTypeRouter(
    {"http": Health(http), "websocket": Gate(SocketAuthentication(sockets))}
)
