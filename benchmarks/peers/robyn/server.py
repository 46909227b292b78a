"""A room as Robyn's manual has it: receive, broadcast."""

import os

from robyn import Robyn

app = Robyn(__file__)


@app.websocket("/ws")
async def room(websocket):  # type: ignore[no-untyped-def]  # Robyn reads the signature
    while True:
        message = await websocket.receive_text()
        await websocket.broadcast(message)


app.start(host="127.0.0.1", port=int(os.environ["PORT"]))
