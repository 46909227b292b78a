"""Frames on their way out: encoded once, for however many sockets."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any


class Packet:
    """One frame. `payload` is its JSON in UTF-8; `seq` is None for what is not in a log.

    `skip` is a connection id or a person's id whose sockets do not get it.
    """

    __slots__ = ("_texts", "_wire", "payload", "seq", "skip")

    def __init__(self, payload: bytes, *, seq: int | None = None, skip: str | None = None) -> None:
        self.payload = payload
        self.seq = seq
        self.skip = skip
        self._texts: tuple[str, ...] | None = None
        self._wire: bytes | None = None

    @property
    def texts(self) -> Sequence[str]:
        if self._texts is None:
            self._texts = (self.payload.decode(),)
        return self._texts

    @property
    def wire(self) -> bytes:
        if self._wire is None:
            self._wire = header(len(self.payload)) + self.payload
        return self._wire

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


class Batch:
    """Packets of one group that go out together, joined once for all of its sockets."""

    def __init__(self, packets: Sequence[Packet]) -> None:
        self._packets = packets

    @cached_property
    def texts(self) -> Sequence[str]:
        return [text for packet in self._packets for text in packet.texts]

    @cached_property
    def wire(self) -> bytes:
        return b"".join([packet.wire for packet in self._packets])


def header(length: int) -> bytes:
    """The header of an unmasked, unfragmented text frame (RFC 6455, 5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65536:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)
