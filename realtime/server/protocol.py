"""The WebSocket protocol: daphne's, with a short way in and out for ordinary frames."""

import asyncio
import time
from typing import Any

from daphne.ws_protocol import WebSocketProtocol as DaphneProtocol

from realtime.outbox import Frames

# A socket whose consumer is so far behind is not read from, until it has caught up to the half:
# TCP pushes back on the client, and memory stays where it is.
INBOUND_LIMIT = 64

FIN_TEXT = 0x81
MASKED = 0x80


class InboundQueue(asyncio.Queue[dict[str, Any]]):
    """What a consumer has not taken yet."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._paused = False

    def _put(self, item: dict[str, Any]) -> None:
        super()._put(item)
        if self.qsize() >= INBOUND_LIMIT and not self._paused:
            self._paused = True
            self._transport.pauseProducing()

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = super()._get()
        if self._paused and self.qsize() <= INBOUND_LIMIT // 2:
            self._paused = False
            self._transport.resumeProducing()
        return item


class WebSocketProtocol(DaphneProtocol):  # type: ignore[misc]  # daphne is untyped
    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        if (
            self.state == self.STATE_OPEN
            and not self.data
            and self.current_frame is None
            and not self.inside_message
            and not self.muted
        ):
            data = self._take_plain_frames(data)
        if data:
            super().dataReceived(data)

    def _take_plain_frames(self, data: bytes) -> bytes:
        """Take the whole, masked, unfragmented text frames that `data` begins with.

        What remains is for autobahn, which knows all the rest and what is wrong with it; its
        general way costs 100 µs and more per frame.
        """
        start, end = 0, len(data)
        while end - start >= 6 and data[start] == FIN_TEXT and data[start + 1] & MASKED:
            length, mask_at = data[start + 1] & 0x7F, start + 2
            if length == 126:
                length, mask_at = int.from_bytes(data[start + 2 : start + 4]), start + 4
                if length < 126:
                    break
            elif length == 127:
                break
            payload_at = mask_at + 4
            if payload_at + length > end:
                break
            try:
                text = unmask(data[payload_at : payload_at + length], data[mask_at:payload_at])
            except UnicodeDecodeError:
                break
            self.last_ping = time.time()
            self.application_queue.put_nowait({"type": "websocket.receive", "text": text})
            start = payload_at + length
        return data[start:] if start else data


def unmask(payload: bytes, mask: bytes) -> str:
    """The text of a masked payload (RFC 6455, 5.3). Raises UnicodeDecodeError."""
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length).decode()


class SocketWriter:
    """Writes ready frames to the transport; offered to the consumer in the ASGI scope."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self.transport = protocol.transport
        self.write = self.transport.write

    def send(self, frames: Frames) -> None:
        if self._protocol.state == self._protocol.STATE_OPEN:
            self.write(frames.wire)
