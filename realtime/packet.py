"""Frames on their way out: encoded once, for however many sockets."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

FIN = 0x80
TEXT, BINARY = 0x1, 0x2  # opcodes


class Packet:
    """One frame. `payload` is its JSON in UTF-8; `seq` is None for what is not in a log.

    `skip` is a connection id or a person's id whose sockets do not get it.
    """

    def __init__(self, payload: bytes, *, seq: int | None = None, skip: str | None = None) -> None:
        self.payload = payload
        self.seq = seq
        self.skip = skip

    @cached_property
    def texts(self) -> Sequence[str]:
        return (self.payload.decode(),)

    @cached_property
    def wire(self) -> bytes:
        return header(len(self.payload)) + self.payload

    def to_everybody(self) -> "Packet":
        return Packet(self.payload, seq=self.seq)

    def to_layer(self) -> tuple[bytes, int | None, str | None]:
        return self.payload, self.seq, self.skip

    @classmethod
    def from_layer(cls, packet: Sequence[Any]) -> "Packet":
        payload, seq, skip = packet
        return cls(payload, seq=seq, skip=skip)


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


class Binary:
    """One binary frame, for one socket."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.texts = (payload,)
        self.wire = header(len(payload), BINARY) + payload


def header(length: int, opcode: int = TEXT) -> bytes:
    """The header of an unmasked, unfragmented frame (RFC 6455, 5.2)."""
    first = FIN | opcode
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2)
    return bytes((first, 127)) + length.to_bytes(8)
