"""A frame on its way out: encoded once, for however many sockets."""

from typing import Any


class Packet:
    """`payload` is the frame's JSON in UTF-8. `seq` is None for what is not in a log.

    `skip` is a connection id or a person's id whose sockets do not get it.
    """

    __slots__ = ("_text", "payload", "seq", "skip")

    def __init__(self, payload: bytes, *, seq: int | None = None, skip: str | None = None) -> None:
        self.payload = payload
        self.seq = seq
        self.skip = skip
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The JSON as ASGI's `websocket.send` takes it, decoded once for all sockets."""
        if self._text is None:
            self._text = self.payload.decode()
        return self._text

    def to_layer(self, *, group: str, origin: str) -> dict[str, Any]:
        return {
            "type": "hub.packet",
            "origin": origin,
            "group": group,
            "payload": self.payload,
            "seq": self.seq,
            "skip": self.skip,
        }

    @classmethod
    def from_layer(cls, message: dict[str, Any]) -> "Packet":
        return cls(message["payload"], seq=message["seq"], skip=message["skip"])
