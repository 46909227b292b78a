"""Nothing that a client sends ends a worker or disturbs another person's socket."""

import asyncio
import json
import random
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from soak.services import eventually
from tests.e2e.client import PATIENCE, Visitor, call, connected, raw, silent
from tests.e2e.conftest import Served
from tests.e2e.wire import wire

KIB = 1024
UNREADABLE = 0  # the status depends on the server


# --- frames ---


async def test_a_frame_of_64_kib_is_read_and_one_byte_more_closes_with_4413(
    served: Served, room: str, eve: Visitor
) -> None:
    async with eve.in_room(served.first, room) as at_eve:
        await at_eve.connection.send(padded_ping(64 * KIB))
        await at_eve.until("pong")
        await at_eve.connection.send(padded_ping(64 * KIB + 1))
        await at_eve.until("error", code="too_long")
        assert await at_eve.closed() == 4413


def padded_ping(size: int) -> str:
    text = json.dumps({"type": "ping"})
    return text + " " * (size - len(text))


async def test_a_far_larger_frame_just_ends_the_socket(
    served: Served, room: str, eve: Visitor
) -> None:
    async with eve.in_room(served.first, room) as at_eve:
        with suppress(ConnectionClosed):  # the worker need not take all of it
            await at_eve.connection.send(padded_ping(2 * KIB * KIB))
        assert await at_eve.closed() in {1006, 1009}


@pytest.mark.parametrize(
    "garbage",
    [
        "{",
        "[]",
        "null",
        "",
        '{"type": 1}',
        '{"type": "ping", "type": "ping"}',
        '{"type": "message", "text": "\\ud800", "client_id": "1"}',
        '{"type": "message", "text": "\\u0000", "client_id": "1"}',
        '{"type": "message", "text": NaN, "client_id": "1"}',
        '{"type": "read", "seq": 100000000000000000000000000000}',
        "[" * 30_000,
        b"\x00\xff",
    ],
    ids=lambda garbage: ascii(garbage)[:20],
)
async def test_garbage_is_answered_19_times_and_closes_at_the_20th(
    served: Served, room: str, eve: Visitor, garbage: str | bytes
) -> None:
    async with eve.in_room(served.first, room) as at_eve:
        for _ in range(19):
            await at_eve.connection.send(garbage)
            await at_eve.until("error")
        await at_eve.send(type="ping")
        await at_eve.until("pong")
        await at_eve.connection.send(garbage)
        assert await at_eve.closed() == 4400


async def test_a_flood_of_garbage_is_cut_off(served: Served, room: str, eve: Visitor) -> None:
    async with eve.in_room(served.first, room) as at_eve:
        for _ in range(2000):
            at_eve.connection.transport.write(text_frame(b"{"))
        assert await at_eve.closed() in {4400, 1006}


@pytest.mark.parametrize(
    ("frame", "codes"),
    [
        (b"\x81\x82\0\0\0\0\xff\xfe", {1007, 1006}),  # not UTF-8
        (b"\x81\x02hi", {1002, 1006}),  # not masked
        (b"\x83\x80\0\0\0\0", {1002, 1006}),  # an opcode that does not exist
        (b"\xf1\x80\0\0\0\0", {1002, 1006}),  # bits that nobody agreed on
        (b"\x80\x80\0\0\0\0", {1002, 1006}),  # the continuation of nothing
        (b"\x89\xfe\x00\x7e\0\0\0\0", {1002, 1006}),  # a ping that is too long
        (b"\x88\x81\0\0\0\0\x01", {1002, 1006}),  # half a close code
        (b"\x88\x82\0\0\0\0\x03\xed", {1002, 1006}),  # a close code that nobody may send
        (b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", {1009, 1002, 1006}),  # 2^63 bytes
    ],
)
async def test_a_broken_frame_ends_only_the_socket_that_sent_it(
    served: Served, room: str, eve: Visitor, frame: bytes, codes: set[int]
) -> None:
    async with eve.in_room(served.first, room) as at_eve:
        at_eve.connection.transport.write(frame)
        assert await at_eve.closed() in codes


async def test_mutated_frames_are_answered_or_end_the_socket_by_the_table(
    served: Served, room: str, eve: Visitor
) -> None:
    chance = random.Random(served.first.name)
    for _ in range(10):
        async with eve.in_room(served.first, room) as at_eve:
            codes = {4400, 4413}
            try:
                for _ in range(40):
                    await at_eve.connection.send(mutated(chance))
                await at_eve.send(type="ping", ref="end")
            except ConnectionClosed:
                codes.add(1006)  # cut off while it sends, it may not hear which
            while (frame := await at_eve.next()).get("ref") != "end":
                assert frame["type"] != "close" or frame["code"] in codes
                if frame["type"] == "close":
                    break


GOOD_FRAMES: list[dict[str, Any]] = [
    {"type": "ping"},
    {"type": "typing"},
    {"type": "read", "seq": 1},
    {"type": "history", "before": 9, "limit": 3},
    {"type": "history", "after": 0},
    {"type": "event", "name": "move", "data": [1, {"x": None}]},
    {"type": "message", "text": "Hello", "client_id": "1"},
    {"type": "set-name", "name": "Eve"},
    {"type": "refresh", "access": "a.b.c"},
]
STRANGE_VALUES: list[Any] = [
    None, True, -1, 1.5, 2**53, 10**400, "", " ", "\u202e", "\x7f", "x" * 9000, [], {}, [[[[]]]],
    {"type": "ping"},
]  # fmt: skip


def mutated(chance: random.Random) -> str:
    """A good frame with a strange value, a field too many or too few, or a byte changed."""
    frame = dict(chance.choice(GOOD_FRAMES))
    field = chance.choice([*frame, "ref", "client_id", "other"])
    match chance.randrange(4):
        case 0:
            frame.pop(field, None)
        case 1 | 2:
            frame[field] = chance.choice(STRANGE_VALUES)
        case 3:
            text = json.dumps(frame)
            at = chance.randrange(len(text))
            return text[:at] + chr(chance.randrange(1, 0x250)) + text[at + 1 :]
    return json.dumps(frame)


def text_frame(payload: bytes) -> bytes:
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


# --- connections ---


@pytest.mark.parametrize(
    "path", ["/", "/ws/", "/ws/nowhere/", "/ws/chat//", "/ws/chat/a/b/", "/ws/chat/%00/",
             "/ws/chat/%ff%fe/", "/ws/chat/..%2f..%2fetc/", "/ws/notifications/x", "/api/rooms/"],
)  # fmt: skip
async def test_a_path_that_is_no_socket_closes_with_4404(
    served: Served, room: str, eve: Visitor, path: str
) -> None:
    async with connected(served.first, path, token=eve.access) as at_eve:
        assert at_eve.frames[0]["code"] == "not_found"
        assert await at_eve.closed() == 4404


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://elsewhere.example", 403),
        ("null", 403),
        ("http://127.0.0.1", 403),
        ("http://127.0.0.1:1", 403),
        ("https://127.0.0.1:{port}", 403),
        ("http://a.127.0.0.1:{port}", 403),
        ("http://127.0.0.1.:{port}", 403),
        ("http://127.0.0.1.evil.example:{port}", 403),
        ("http://evil127.0.0.1:{port}", 403),
        ("HTTP://127.0.0.1:2", 403),
        ("http://xn--e1afmkfd.example", 403),
        ("file://", 403),
        ("http://[", UNREADABLE),
        ("x", UNREADABLE),
        ("http://127.0.0.1:x", UNREADABLE),
        ("http://127.0.0.1:99999", UNREADABLE),
    ],
)
async def test_a_page_of_elsewhere_is_refused_before_the_socket_opens(
    served: Served, room: str, eve: Visitor, origin: str, status: int
) -> None:
    origin = origin.replace("{port}", str(served.first.port))
    with pytest.raises(InvalidStatus) as refused:
        async with raw(
            served.first, f"/ws/chat/{room}/", token=eve.access, origin=origin
        ) as connection:
            await connection.recv()
    if status == UNREADABLE:
        status = 403 if served.first.runserver else 400  # autobahn's, of a plain daphne
    assert refused.value.response.status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Authorization": "Bearer " + "x" * 3000},
        {"X-API-Key": "nonsense"},
        {"Cookie": "sessionid=nonsense"},
        {"Cookie": "sessionid=nonsense", "Origin": "SITE"},
        {},
    ],
    ids=str,
)
async def test_a_bad_credential_is_told_and_closes_with_4401(
    served: Served, room: str, headers: dict[str, str]
) -> None:
    headers = {name: value.replace("SITE", served.first.http) for name, value in headers.items()}
    async with connected(served.first, f"/ws/chat/{room}/", headers=headers) as at_eve:
        assert at_eve.frames[0]["code"] == "not_signed_in"
        assert await at_eve.closed() == 4401


@pytest.mark.parametrize("after", ["x", "-1", "1&after=2", "%00", "%ff", "9" * 4000])
async def test_an_unreadable_after_closes_with_4400(
    served: Served, room: str, eve: Visitor, after: str
) -> None:
    path = f"/ws/chat/{room}/?after={after}"
    async with connected(served.first, path, token=eve.access) as at_eve:
        assert await at_eve.closed() == 4400


@pytest.mark.parametrize(
    "opening",
    [
        b"\x00" * 100,
        b"GET / HTTP/1.1\r\n",
        b"GET /ws/chat/general/ HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET /ws/chat/\xff HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"POST /api/guest/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{",
        b"POST /api/guest/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n{",
        b"GET / HTTP/1.1\r\n" + b"X-Header: x\r\n" * 2000 + b"\r\n",
    ],
    ids=lambda opening: ascii(opening[:30]),
)
async def test_what_is_no_handshake_disturbs_nobody(
    served: Served, room: str, opening: bytes
) -> None:
    async with wire(served.first) as one:
        await one.send(opening)


async def test_a_connection_that_is_torn_off_while_it_posts_disturbs_nobody(
    served: Served, room: str, eve: Visitor
) -> None:
    for attempt in range(5):
        async with eve.in_room(served.first, room) as at_eve:
            for number in range(20):
                await at_eve.say("torn off", f"{attempt}-{number}")
            at_eve.connection.transport.abort()
            await at_eve.closed()


async def test_hundreds_that_come_and_go_at_once_disturb_nobody(
    served: Served, room: str, eve: Visitor
) -> None:
    async def come_and_go() -> None:
        async with connected(served.first, f"/ws/chat/{room}/", token=eve.access) as at_eve:
            assert at_eve.welcome

    for _ in range(4):
        await asyncio.gather(*(come_and_go() for _ in range(50)))


# --- reading ---

TEXT = "<" * 8000  # 40 KB on the wire, with its HTML
ENOUGH = 90  # of these are more than the kernel keeps for a socket, 2.8 MB
HELD_UP = 9.0  # seconds: whoever waited for one that never reads would do so for 10


async def test_who_never_reads_holds_up_nobody(served: Served, room: str, eve: Visitor) -> None:
    (ann,) = await served.guests("Talker")
    async with (
        silent(served.first, f"/ws/chat/{room}/", token=eve.access) as at_eve,
        ann.in_room(served.first, room) as at_ann,
    ):
        for number in range(ENOUGH):
            await at_ann.say(TEXT, str(number))
            sent = await at_ann.until("sent", within=HELD_UP)
            await at_ann.caught_up(sent["seq"], within=HELD_UP)
        if served.first.runserver:  # plain daphne takes all that there is, and says nothing
            cut_off = lambda: "slow_socket_closed" in served.first.logged()  # noqa: E731
            await asyncio.to_thread(eventually, cut_off, within=PATIENCE, what="its end")
            at_eve.transport.resume_reading()
            async with asyncio.timeout(PATIENCE):
                await at_eve.wait_closed()
            # Told why, if it reads up to there before the worker stops waiting for that.
            assert at_eve.close_code in {4508, 1006}


# --- HTTP ---


async def test_hostile_bodies_are_refused_and_not_logged_as_failures(
    served: Served, room: str, eve: Visitor
) -> None:
    for body in ({"name": "\x00"}, {"name": ["x"]}, {"name": "x" * 5000}, {"other": 1}):
        assert (await call(served.first, "POST", "/api/guest/", **body)).status == 400
    messages = f"/api/rooms/{room}/messages/"
    for text in ("", "x" * 8001, None, ["x"]):
        status, answer = await call(
            served.first, "POST", messages, token=eve.access, text=text, client_id="1"
        )
        assert (status, set(answer["fields"])) == (400, {"text"})
    for path in ("/api/orders/1/ship/", "/api/orders/x/ship/"):
        assert (await call(served.first, "POST", path, token=eve.access)).status == 403
    status, answer = await call(served.first, "POST", "/api/guest/", name="x" * 2 * KIB * KIB)
    assert (status, answer["code"]) == (413, "too_long")
