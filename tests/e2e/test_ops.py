"""Staff see the whole site from any worker, and reach every socket of it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.e2e.client import Socket, connected, raw
from tests.e2e.conftest import Served
from tests.e2e.workers import Worker
from tests.measured import assert_below
from tests.stopwatch import Stopwatch

AT_ONCE = 1.0  # seconds


async def at_ops(served: Served, worker: Worker) -> Any:
    return connected(worker, "/ws/ops/", token=await served.staff())


@pytest.mark.parametrize("name", ["first", "last"])
async def test_a_status_is_over_all_workers(served: Served, name: str) -> None:
    ann, ben = await served.guests("Ann", "Ben")
    room = await served.room()
    async with (
        ann.in_room(served.first, room),
        ben.in_room(served.last, room),
        await at_ops(served, getattr(served, name)) as staff,
    ):
        assert staff.welcome["you"]["name"] == "staff"
        status = await staff.until("status", workers=len(served.workers))
        while status["connections"] < 3:
            status = await staff.until("status", workers=len(served.workers))
        assert status["memory_mb"] > 60


async def test_what_staff_do_on_one_worker_reaches_the_sockets_of_another(served: Served) -> None:
    ann, ben, cem = await served.guests("Ann", "Ben", "Cem")
    room = await served.room()
    async with (
        await at_ops(served, served.first) as staff,
        ann.in_room(served.last, room) as at_ann,
        ben.in_room(served.last, room) as at_ben,
        ben.at_the_bell(served.first) as bell_of_ben,
        cem.at_the_bell(served.last) as bell_of_cem,
    ):
        watch = Stopwatch()
        await staff.send(type="announce", message="Tea", ref="1")
        await staff.until("announced", ref="1")
        for socket in (at_ann, at_ben, bell_of_ben, bell_of_cem):
            assert (await socket.until("announcement"))["message"] == "Tea"
        assert_below(watch.seconds, 2 * AT_ONCE)
        await staff.send(type="kick", user=ben.id, reason="Noise", ref="2")
        assert (await staff.until("kicked", ref="2"))["user"] == ben.person
        watch = Stopwatch()
        for socket in (at_ben, bell_of_ben):
            assert (await socket.until("error"))["code"] == "forbidden"
            assert await socket.closed() == 4403
        assert_below(watch.seconds, AT_ONCE)
        connection_id = bell_of_cem.welcome["connection_id"]
        told = await answer_to_disconnect(staff, connection_id, unless="error")
        watch = Stopwatch()
        assert told["user"] == cem.person
        assert await bell_of_cem.closed() == 4403
        assert_below(watch.seconds, AT_ONCE)
        told = await answer_to_disconnect(staff, connection_id, unless="unavailable")
        assert told["code"] == "not_found"
        await at_ann.say("Still here", "1")
        await at_ann.until("message")
        await staff.send(type="bye")
        assert await staff.closed() == 1000


async def answer_to_disconnect(staff: Socket, connection_id: str, *, unless: str) -> dict[str, Any]:
    """Asked again after `unless`, which is right only if the workers had no core for a second."""
    for _ in range(5):
        ref, watch = str(uuid4()), Stopwatch()
        await staff.send(type="disconnect", connection_id=connection_id, ref=ref)
        while (frame := await staff.next()).get("ref") != ref:
            assert frame["type"] != "close", frame
        if unless not in {frame["type"], frame.get("code")}:
            return frame
        assert_below(watch.seconds, AT_ONCE, frame)
    raise AssertionError(frame)


async def test_strangers_do_not_get_in(served: Served) -> None:
    (eve,) = await served.guests("Eve")
    for token, code in ((eve.access, 4403), ("", 4401), ("nonsense", 4401)):
        async with connected(served.first, "/ws/ops/", token=token) as socket:
            assert await socket.closed() == code
            assert [frame["type"] for frame in socket.frames] == ["error"]


async def test_the_echo_gives_back_text_and_bytes_on_any_server(served: Served) -> None:
    for worker in served.workers:
        async with raw(worker, "/ws/echo/") as socket:
            connection_id = json.loads(await socket.recv())["connection_id"]
            for text in ("hello", "", "{", "é" * 30_000):
                await socket.send(text)
                assert await socket.recv() == f"Echo from {connection_id}: {text}"
            for data in (b"\x00\xff", bytes(range(256)) * 256):
                await socket.send(data)
                assert await socket.recv() == data
