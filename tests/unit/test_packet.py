"""Frames as bytes on the wire, read back by another's parser."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from realtime.packet import Batch, Binary, Packet


def parsed(wire: bytes, opcode: Opcode = Opcode.TEXT) -> list[bytes]:
    reader = StreamReader()
    reader.feed_data(wire)
    reader.feed_eof()
    payloads = []
    while reader.buffer:
        parse = Frame.parse(reader.read_exact, mask=False)
        with pytest.raises(StopIteration) as done:
            next(parse)
        frame = done.value.value
        assert (frame.opcode, frame.fin) == (opcode, True)
        assert (frame.rsv1, frame.rsv2, frame.rsv3) == (False, False, False)
        payloads.append(bytes(frame.data))
    return payloads


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_a_frame_of_any_length_is_read_as_it_was_written(length: int) -> None:
    assert parsed(Packet(b"x" * length).wire) == [b"x" * length]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65536])
def test_a_binary_frame_is_read_as_it_was_written(length: int) -> None:
    assert parsed(Binary(b"\xff" * length).wire, Opcode.BINARY) == [b"\xff" * length]


def test_a_batch_is_its_frames_one_after_the_other() -> None:
    payloads = [b"a", b"b" * 126, "é😀".encode()]
    batch = Batch([Packet(payload) for payload in payloads])
    assert parsed(batch.wire) == payloads
    assert [text.encode() for text in batch.texts] == payloads


def test_what_goes_to_many_sockets_is_made_once() -> None:
    packet = Packet(b"{}")
    batch = Batch([packet])
    for frames in (packet, batch):
        assert frames.wire is frames.wire
        assert frames.texts is frames.texts


def test_a_packet_comes_through_the_layer_as_it_was() -> None:
    packet = Packet("é".encode(), seq=7, skip="c")
    copy = Packet.from_layer(packet.to_layer())
    assert (copy.payload, copy.seq, copy.skip) == (packet.payload, 7, "c")
