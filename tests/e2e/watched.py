"""The site, with paths that tell of its memory. Nothing is collected but by whoever asks for it.

`/garbage/`   collects; answers what was found since it was last asked: objects by type
`/memory/`    answers how many objects are frozen, or belong to sockets, or are WastefulConsumers,
              that are not freed yet
`/restart/`   ends every socket as a server does that drains
`/silence/`   makes of every socket one that has not been heard for as long as is borne; answers how
              many there are
"""

import gc
import json
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

from chatsite.asgi import application as site  # isort: skip - first: it sets Django up

from realtime.consumer import SocketConsumer
from realtime.echo import EchoConsumer
from realtime.hub import hubs
from realtime.server.liveness import SILENCE
from realtime.server.protocol import WebSocketProtocol
from realtime.server.transport import SocketWriter

SOCKETS = (SocketConsumer, WebSocketProtocol, SocketWriter)

gc.disable()
wasteful: "weakref.WeakSet[WastefulConsumer]" = weakref.WeakSet()


class WastefulConsumer(EchoConsumer):
    """Somebody's own, that keeps itself."""

    async def enter(self) -> None:
        self.itself = self
        wasteful.add(self)
        await super().enter()


def garbage() -> dict[str, int]:
    gc.collect()
    found = Counter(type(each).__qualname__ for each in gc.garbage)
    gc.set_debug(0)
    gc.garbage.clear()
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    return found


def memory() -> dict[str, int]:
    return {
        "frozen": gc.get_freeze_count(),
        "sockets": sum(issubclass(type(each), SOCKETS) for each in gc.get_objects()),
        "wasteful": len(wasteful),
    }


def restart() -> dict[str, int]:
    sockets = list(hubs.get().sockets)
    for socket in sockets:
        socket.restart(1.0)
    return {"sockets": len(sockets)}


def silence() -> dict[str, int]:
    found = [each for each in gc.get_objects() if issubclass(type(each), WebSocketProtocol)]
    opened = [socket for socket in found if hasattr(socket, "liveness")]
    for socket in opened:
        socket.liveness._heard_at -= SILENCE
    return {"sockets": len(opened)}


ANSWERS: dict[str, Callable[[], dict[str, int]]] = {
    "/garbage/": garbage,
    "/memory/": memory,
    "/restart/": restart,
    "/silence/": silence,
}


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if answer := ANSWERS.get(scope["path"]):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer()).encode()})
    elif scope["path"] == "/ws/wasteful/":
        await WastefulConsumer.as_asgi()(scope, receive, send)
    else:
        await site(scope, receive, send)
