"""`/ws/echo/`: what comes in goes back, for whoever asks whether sockets get through at all."""

from typing import Any, ClassVar

from realtime.consumer import SocketConsumer
from realtime.frames import Announcement, Closing, Decoder, Error, ServerFrame
from realtime.packet import Binary, Packet


class Welcome(ServerFrame, tag="welcome"):
    connection_id: str


class EchoConsumer(SocketConsumer):
    """What is sent comes back, text as `Echo from <connection_id>: <text>`; nothing is parsed."""

    decoder = Decoder([])
    server_frames = (Welcome, Error, Closing)
    key_scopes = None
    raw_messages: ClassVar[dict[str, Any]] = {
        "text": {"contentType": "text/plain", "payload": {"type": "string"}},
        "binary": {
            "contentType": "application/octet-stream",
            "payload": {"type": "string", "format": "binary"},
        },
    }

    def authenticate(self) -> None:
        """No credential is needed; one that is shown must be good all the same."""
        if self.scope.get("credential") or self.scope.get("refused"):
            super().authenticate()
        else:
            self.hub.switchboard.attach(self)

    def announced(self, frame: Announcement) -> None:
        """Only what was sent comes back."""

    async def enter(self) -> None:
        self.answer(Welcome(connection_id=self.connection_id))

    async def receive_text(self, text: str) -> None:
        self.write(Packet(f"Echo from {self.connection_id}: {text}".encode()))

    async def receive_binary(self, data: bytes) -> None:
        self.write(Binary(data))
