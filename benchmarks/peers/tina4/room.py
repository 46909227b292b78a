"""A room as the WebSocket page of tina4's manual has it: subscribers in a set, told in turn."""

from tina4_python.Router import get
from tina4_python.Websocket import Websocket

members = set()  # type: ignore[var-annotated]  # of what tina4 hands out


@get("/ws")
async def room(request, response):  # type: ignore[no-untyped-def]  # tina4 is untyped
    socket = await Websocket(request).connection()
    members.add(socket)
    try:
        while True:
            message = await socket.receive()
            for member in tuple(members):
                await member.send(message)
    except Exception:  # noqa: BLE001 - how the manual's loop ends
        members.discard(socket)
    return response("")
