"""The same frames, order and codes on every ASGI server."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from soak.services import running
from tests.e2e.client import PATIENCE, Visitor, call, raw
from tests.e2e.conftest import Served
from tests.e2e.production import Production
from tests.e2e.workers import Site, Uvicorn, Worker


@pytest.fixture(params=[Production, Worker, Uvicorn], ids=["serve", "daphne", "uvicorn"])
def any_server(request: pytest.FixtureRequest, small_site: Site) -> Iterator[Served]:
    worker = request.param(small_site, request.param.__name__.lower())
    with running(worker):
        yield Served(small_site, [worker])


async def test_every_server_gives_the_same_frames_order_and_codes(any_server: Served) -> None:
    worker = any_server.first
    ann, ben = await any_server.guests("Ann", "Ben")
    room = await any_server.room()
    async with ann.in_room(worker, room, after=0) as at_ann, ben.in_room(worker, room) as at_ben:
        for number in range(50):
            await at_ann.say(f"m{number}", str(number))
        last = max([(await at_ann.until("sent"))["seq"] for _ in range(50)])
        await at_ann.caught_up(last)
        await at_ben.caught_up(last)
        await at_ben.send(type="event", name="move", data={"x": 1}, ref="1")
        assert (await at_ben.until("sent"))["ref"] == "1"
        await at_ann.until("event", name="move", data={"x": 1})
        await at_ben.send(type="nonsense")
        assert (await at_ben.until("error"))["code"] == "unknown_type"
    assert ann.journal(room).agrees_with(worker.site.log(room))
    await closes_with(worker, ann, "/ws/chat/nowhere/", 4404)
    await closes_with(worker, ann, "/ws/nowhere/", 4404)
    await closes_with(worker, ann, f"/ws/chat/{room}/?after=x", 4400)
    nobody = Visitor(id="", name="", access="nonsense")
    await closes_with(worker, nobody, f"/ws/chat/{room}/", 4401)


async def test_every_server_lets_in_and_ends_the_same(any_server: Served) -> None:
    worker = any_server.first
    (ann,) = await any_server.guests("Ann")
    private = await private_room(any_server)
    await closes_with(worker, ann, f"/ws/chat/{private}/", 4404)
    await closes_with(worker, ann, "/ws/ops/", 4403)
    with pytest.raises(InvalidStatus) as refused:
        async with raw(worker, "/ws/echo/", origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    async with ann.at_the_bell(worker) as at_ann:
        await at_ann.connection.send("x" * (64 * 1024 + 1))
        assert (await at_ann.until("error"))["code"] == "too_long"
        assert await at_ann.closed() == 4413
    async with ann.at_the_bell(worker) as at_ann:
        for _ in range(20):
            await at_ann.connection.send("{")
            assert (await at_ann.until("error"))["code"] == "bad_frame"
        assert await at_ann.closed() == 4400


async def private_room(served: Served) -> str:
    status, body = await call(
        served.first,
        "POST",
        "/api/rooms/",
        token=await served.staff(),
        name=f"Private {id(served)}",
        visibility="private",
    )
    assert status == 201, body
    return str(body["slug"])


async def closes_with(worker: Worker, visitor: Visitor, path: str, code: int) -> None:
    async with raw(worker, path, token=visitor.access) as connection:
        frame = json.loads(await asyncio.wait_for(connection.recv(), PATIENCE))
        assert frame["type"] == "error"
        await asyncio.wait_for(connection.wait_closed(), PATIENCE)
        assert connection.close_code == code
