"""A room as Responder's WebSocket chat example has it: a set of sockets, and a loop over it."""

import os

import responder
from starlette.websockets import WebSocketDisconnect

api = responder.API(sessions=False)
members = set()  # type: ignore[var-annotated]  # of what Responder hands to a route


@api.websocket_route("/ws")
async def room(ws):  # type: ignore[no-untyped-def]  # Responder is untyped
    await ws.accept()
    members.add(ws)
    try:
        while True:
            message = await ws.receive_text()
            for member in tuple(members):
                await member.send_text(message)
    except WebSocketDisconnect:
        pass
    finally:
        members.discard(ws)


api.run(address="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
