"""What a client can do below the frames of the contract, and what the others notice of it.

Nothing: the `room` has two people in it who talk after each test, and the log has no traceback.
"""

import asyncio
import time
from typing import Any

import pytest

from tests.e2e.client import PATIENCE, Visitor
from tests.e2e.conftest import Served
from tests.e2e.wire import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    fragment,
    frame,
    handshake,
    opened,
    pulse_of,
    request,
    wire,
)
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

KIB = 1024
PROMPT = 0.5  # seconds that a ping of another may take meanwhile
DROPPED = 28.0  # seconds: 20 for a request, 25 for a silent peer, and some for who looks


@pytest.fixture
def path(room: str) -> str:
    return f"/ws/chat/{room}/"


def only_ours(served: Served) -> None:
    if not served.first.runserver:
        pytest.skip("only the site's own server can hold it")


# --- frames ---


@pytest.mark.parametrize("size", [1, 100, 4 * KIB, 60 * KIB])
async def test_fragments_without_end_end_the_socket_and_take_little_memory(
    served: Served, path: str, eve: Visitor, size: int
) -> None:
    before = served.first.memory_kib
    async with opened(served.first, path, eve.access) as at_eve:
        await at_eve.send(fragment(TEXT, b"x" * size))
        several = fragment(0, b"x" * size) * max(1, 8 * KIB // size)
        deadline = time.monotonic() + PATIENCE
        if served.first.runserver or size >= KIB:
            while await at_eve.send(several):
                assert time.monotonic() < deadline, "it is taken for ever"
                await asyncio.sleep(0)
    assert served.first.memory_kib - before < 16 * KIB


async def test_a_message_in_fragments_is_read_with_a_ping_between_them(
    served: Served, path: str, eve: Visitor
) -> None:
    async with opened(served.first, path, eve.access) as at_eve:
        for part in (fragment(TEXT, b'{"type":'), frame(PING, b"p"), fragment(0, b'"ping",')):
            await at_eve.send(part)
        await at_eve.send(frame(0, b'"ref":"parts"}'))
        assert await at_eve.until(PONG) == b"p"
        while b'"parts"' not in await at_eve.until(TEXT):
            pass


BROKEN = {
    "invalid UTF-8": frame(TEXT, b'"\xc3\x28"'),
    "a surrogate in UTF-8": frame(TEXT, b'"\xed\xa0\x80"'),
    "half a character": frame(TEXT, b'"\xe2\x82'),
    "invalid UTF-8 over two fragments": fragment(TEXT, b'"\xe2') + frame(0, b"\x28"),
    "invalid UTF-8 in a reason": frame(CLOSE, b"\x03\xe8\xff\xfe"),
    "a close code that nobody may send": frame(CLOSE, b"\x03\xee"),
    "a reserved opcode for data": frame(0x3, b"x"),
    "a reserved opcode for control": frame(0xB, b"x"),
    "a reserved bit": frame(TEXT, b"{}", first=0xC0),
    "all reserved bits": frame(TEXT, b"{}", first=0xF0),
    "not masked": b"\x81\x02{}",
    "a ping that is too long": frame(PING, b"x" * 126),
    "a close that is too long": frame(CLOSE, b"\x03\xe8" + b"x" * 124),
    "a ping in fragments": fragment(PING, b"x"),
    "a close in fragments": fragment(CLOSE, b"\x03\xe8"),
    "a message within a message": fragment(TEXT, b"{") + frame(TEXT, b"{}"),
    "a length that need not be so long": b"\x81\xfe\x00\x02" + bytes(4) + b"{}",
    "a length below zero": b"\x81\xff" + b"\xff" * 8 + bytes(4),
    "what is no frame": b"GET / HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_breaks_the_rules_ends_its_own_socket_at_once(
    served: Served, path: str, eve: Visitor, what: str
) -> None:
    async with opened(served.first, path, eve.access) as at_eve:
        watch = Stopwatch(served.first)
        await at_eve.send(BROKEN[what])
        await at_eve.rest()
    assert_below(watch.seconds, 6)  # autobahn waits for the answer to its close, 5 s at most


@pytest.mark.parametrize("what", ["pings", "pongs", "fragments", "empty fragments"])
async def test_a_flood_below_the_frames_is_cut_off_and_holds_up_nobody(
    served: Served, path: str, eve: Visitor, what: str
) -> None:
    only_ours(served)
    flood = {
        "pings": frame(PING, b"x" * 125),
        "pongs": frame(PONG),
        "fragments": fragment(0, b"x"),
        "empty fragments": fragment(0, b""),
    }[what]
    before = served.first.memory_kib
    async with pulse_of(served.first, path, eve.access) as pulse:
        for _ in range(3):
            async with opened(served.first, path, eve.access) as at_eve:
                await at_eve.send(fragment(TEXT, b"x") if "fragment" in what else b"")
                deadline = time.monotonic() + PATIENCE
                while await at_eve.send(flood * 1000):
                    assert time.monotonic() < deadline, "it is taken for ever"
    assert pulse.count
    assert_below(pulse.worst, PROMPT)
    assert served.first.memory_kib - before < 8 * KIB


async def test_whoever_floods_and_reads_is_told_when_to_return(
    served: Served, path: str, eve: Visitor
) -> None:
    only_ours(served)
    async with opened(served.first, path, eve.access) as at_eve:
        await at_eve.send(frame(PING) * 250)
        data = await at_eve.rest()
    assert b'{"type":"closing","code":4429,"retry_after":' in data
    assert (4429).to_bytes(2) in data


async def test_a_few_pings_at_once_are_answered(served: Served, path: str, eve: Visitor) -> None:
    async with opened(served.first, path, eve.access) as at_eve:
        await at_eve.send(b"".join(frame(PING, b"%d" % number) for number in range(100)))
        for number in range(100):
            assert await at_eve.until(PONG) == b"%d" % number


async def test_a_flood_of_pings_that_reads_no_answers_grows_nothing(
    served: Served, path: str, eve: Visitor
) -> None:
    before = served.first.memory_kib
    async with opened(served.first, path, eve.access) as at_eve:
        for _ in range(200):
            if not await at_eve.send(frame(PING, b"x" * 125) * 10):
                break
    assert served.first.memory_kib - before < 8 * KIB


async def test_what_comes_after_the_close_is_not_read(
    served: Served, room: str, path: str, eve: Visitor
) -> None:
    late = b'{"type":"message","text":"late","client_id":"late"}'
    async with opened(served.first, path, eve.access) as at_eve:
        await at_eve.send(frame(CLOSE, b"\x03\xe8") + frame(TEXT, late))
        await at_eve.rest()
    assert not [entry for entry in served.site.log(room) if entry.client_id == "late"]


# --- handshakes ---


async def test_requests_that_drip_in_are_dropped_in_time(
    served: Served, path: str, eve: Visitor
) -> None:
    """A line, headers, a body, nothing at all; and a frame, which is bounded otherwise."""
    only_ours(served)
    worker = served.first
    begun, watch = time.monotonic(), Stopwatch(worker)
    ended = await asyncio.gather(
        dripped(wire(worker), b"GET /"),
        dripped(wire(worker), b"GET / HTTP/1.1\r\nHost: x\r\nX: "),
        dripped(wire(worker), request(worker, "/api/", "Content-Length: 999", method="POST")),
        dripped(wire(worker), b"", drop=b""),
        dripped(opened(worker, path, eve.access), frame(TEXT, b"x" * 999)[:9]),
    )
    for end in ended:
        assert end - begun > 15
    assert_below(watch.seconds, DROPPED)


async def dripped(connection: Any, beginning: bytes, *, drop: bytes = b"x") -> float:
    """When the server had enough."""
    async with connection as one:
        await one.send(beginning)
        ended = asyncio.create_task(one.rest(within=2 * DROPPED))
        while not ended.done():
            await one.send(drop)
            await asyncio.wait([ended], timeout=0.5)
        await ended
        return time.monotonic()


OVERSIZED = {
    "1,000 headers": [f"X-{number}: x" for number in range(1000)],
    "a cookie of a megabyte": ["Cookie: sessionid=" + "x" * 1024 * KIB],
    "a header without end": ["X: " + "x" * 100 * KIB],
}


@pytest.mark.parametrize("what", OVERSIZED)
async def test_a_handshake_beyond_all_measure_is_refused(
    served: Served, path: str, what: str
) -> None:
    before = served.first.memory_kib
    async with wire(served.first) as one:
        await one.send(handshake(served.first, path, *OVERSIZED[what]))
        assert b" 101 " not in await one.rest()
    assert served.first.memory_kib - before < 8 * KIB


@pytest.mark.parametrize("size", [20 * KIB, 1024 * KIB])
async def test_an_address_beyond_all_measure_is_refused(
    served: Served, path: str, size: int
) -> None:
    async with wire(served.first) as one:
        await one.send(handshake(served.first, f"{path}?after={'1' * size}"))
        assert b" 101 " not in await one.rest()


WRONG = {
    "no key": ["Sec-WebSocket-Version: 13"],
    "a short key": ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="],
    "two keys": ["Sec-WebSocket-Version: 13", *["Sec-WebSocket-Key: " + "A" * 22 + "=="] * 2],
    "no version": ["Sec-WebSocket-Key: " + "A" * 22 + "=="],
    "an old version": ["Sec-WebSocket-Version: 7", "Sec-WebSocket-Key: " + "A" * 22 + "=="],
    "not for upgrading": ["Connection: close", "Sec-WebSocket-Version: 13"],
}


@pytest.mark.parametrize("what", WRONG)
async def test_half_a_handshake_opens_nothing(served: Served, path: str, what: str) -> None:
    lines = ["Upgrade: websocket", *WRONG[what]]
    if what != "not for upgrading":
        lines.append("Connection: Upgrade")
    async with wire(served.first) as one:
        await one.send(request(served.first, path, *lines))
        assert 400 <= (await one.answer()).status < 500


async def test_compression_is_never_agreed_on(served: Served, path: str, eve: Visitor) -> None:
    async with wire(served.first) as one:
        wanted = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit"
        shown = f"Authorization: Bearer {eve.access}"
        await one.send(handshake(served.first, path, wanted, shown))
        status, head = await one.answer()
    assert status == 101
    assert "extensions" not in head.lower()


# --- smuggling ---

INNER = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
SMUGGLED = {
    "a length and chunks": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 0", f"Content-Length: {len(INNER)}"],
    "two lengths in one": [f"Content-Length: 0, {len(INNER)}"],
    "the same length twice": ["Content-Length: 0", "Content-Length: 0"],
    "a length with a sign": ["Content-Length: +0"],
    "a length below zero": ["Content-Length: -1"],
    "a length in hexadecimal": ["Content-Length: 0x0"],
    "two encodings": ["Transfer-Encoding: chunked", "Transfer-Encoding: identity, chunked"],
    "an encoding nobody knows": ["Transfer-Encoding: xchunked"],
    "an encoding in disguise": ["Transfer-Encoding: \x0bchunked"],
    "a space before the colon": ["Content-Length : 0"],
}


@pytest.mark.parametrize("what", SMUGGLED)
async def test_a_request_of_two_lengths_is_refused_and_none_is_found_behind_it(
    served: Served, path: str, what: str
) -> None:
    async with wire(served.first) as one:
        head = request(served.first, "/api/guest/", *SMUGGLED[what], method="POST")
        await one.send(head + b"0\r\n\r\n" + INNER)
        answers = await one.rest()
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b'"ok"' not in answers


async def test_a_chunk_with_a_wrong_size_ends_the_connection(served: Served, path: str) -> None:
    async with wire(served.first) as one:
        head = request(served.first, "/api/guest/", "Transfer-Encoding: chunked", method="POST")
        await one.send(head + b"-5\r\nhello\r\n0\r\n\r\n" + INNER)
        answers = await one.rest()
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert b'"ok"' not in answers
