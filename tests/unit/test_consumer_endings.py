"""The base of all socket consumers: notices to it, limits, and endings from elsewhere."""

import asyncio
import time
from typing import Any

import pytest

from realtime import sweep
from realtime.close_codes import CloseCode, ErrorCode
from realtime.credentials import Credential
from realtime.errors import Refused
from realtime.frames import Announcement, Person
from realtime.places import places
from realtime.publish import announce, end_sockets, tell, tell_connection
from tests.consumers import PERSON, Consumer, connected, consumer, credential, welcomed

# --- endings from elsewhere ---


def refused(message: str = "Out.") -> Refused:
    return Refused(CloseCode.NOT_SIGNED_IN, ErrorCode.NOT_SIGNED_IN, message)


async def test_sockets_that_stand_on_what_has_ended_are_told_why_and_closed() -> None:
    async with (
        welcomed(Consumer, given=credential(ground="session:a")) as ends,
        welcomed(Consumer, given=credential(ground="session:b")) as stays,
    ):
        end_sockets(PERSON.id, refused(), ground="session:a")
        error = await ends.until("error")
        assert (error["code"], error["message"]) == ("not_signed_in", "Out.")
        assert await ends.closed() == 4401
        await stays.quiet()


async def test_all_of_a_persons_sockets_can_be_ended_and_nobody_elses() -> None:
    other = Credential(user=object(), person=Person(id="8", name="Bob"), kind="test")
    async with (
        welcomed(Consumer, given=credential(ground="session:a")) as ends,
        welcomed(Consumer, given=other) as stays,
    ):
        end_sockets(PERSON.id, refused())
        assert await ends.closed() == 4401
        await stays.quiet()


async def test_an_ending_is_no_business_of_the_consumer() -> None:
    """Which overrides `told`, and forgets about it."""
    told: list[str] = []

    class Forgetful(Consumer):
        def told(self, notice: str, details: Any) -> None:
            told.append(notice)

    async with welcomed(Forgetful) as socket:
        tell("other", {PERSON.id: None})
        await socket.quiet()
        end_sockets(PERSON.id, refused())
        assert await socket.closed() == 4401
    assert told == ["other"]


async def test_what_a_ground_is_does_not_go_over_the_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[bytes] = []
    monkeypatch.setattr("realtime.publish._send", lambda _, packet: sent.append(packet.payload))
    end_sockets(PERSON.id, refused(), ground="session:secret")
    assert sent
    assert b"secret" not in sent[0]


async def test_a_notice_to_look_again_ends_whoever_may_not_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = (lambda sockets: [(s, refused()) for s in sockets], lambda socket: "")
    monkeypatch.setattr(sweep, "_checks", [check])
    monkeypatch.setattr(sweep, "TICK", 60)
    async with welcomed(Consumer) as socket:
        await socket.quiet()
        tell("recheck", {PERSON.id: None})
        assert await socket.closed() == 4401


async def test_after_a_refresh_the_socket_stands_on_the_new_token() -> None:
    async def refresh(_: str) -> Credential:
        return credential(expires=time.time() + 60, ground="token:new")

    given = credential(expires=time.time() + 60, refresh=refresh, ground="token:old")
    async with welcomed(Consumer, given=given) as socket:
        await socket.send(type="refresh", access="x")
        await socket.until("refreshed")
        end_sockets(PERSON.id, refused(), ground="token:old")
        await socket.quiet()
        end_sockets(PERSON.id, refused(), ground="token:new")
        assert await socket.closed() == 4401


# --- notices ---


async def test_a_socket_that_is_to_end_ends_before_its_consumer_is_told_anything() -> None:
    heard: list[str] = []
    kind = consumer()
    kind.told = lambda self, notice, details: heard.append(notice)  # type: ignore[method-assign]
    async with welcomed(kind) as socket:
        tell("something", {PERSON.id: None})
        end_sockets(PERSON.id, Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, "Out."))
        error = await socket.until("error")
        assert (error["code"], error["message"]) == ("forbidden", "Out.")
        assert await socket.closed() == 4403
    assert heard == ["something"]


async def test_a_socket_says_whose_it_is_to_the_connection_that_asks() -> None:
    heard: list[tuple[str, Any]] = []
    asker = consumer()
    asker.told = lambda self, notice, details: heard.append((notice, details))  # type: ignore[method-assign]
    async with welcomed(asker) as asking, welcomed(Consumer) as asked:
        connection_id = asked.welcome["connection_id"]
        tell_connection("find", connection_id, asking.welcome["connection_id"])
        tell_connection("find", "nobody's", asking.welcome["connection_id"])
    person = {"id": "7", "name": "Ada"}
    assert heard == [("found", {"connection_id": connection_id, "person": person})]


async def test_an_announcement_comes_after_the_welcome_and_once() -> None:
    frame = Announcement(message="Tea", from_=PERSON)

    async def announcing(self: Consumer) -> None:
        announce(frame)
        async with asyncio.timeout(60):
            while not self._before_entry:  # noqa: ASYNC110 - by the hub
                await asyncio.sleep(0)

    async with connected(consumer(entering=announcing)) as socket:
        assert [(await socket.next())["type"] for _ in range(2)] == ["welcome", "announcement"]
        announce(frame)
        await socket.until("announcement")
        assert await socket.quiet() == []


# --- limits ---


async def test_frames_beyond_the_rate_are_refused_and_say_which(settings: Any) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 1
    async with welcomed(Consumer, services={"clock": lambda: 7.0}) as socket:
        for number in range(5):
            await socket.send(type="do-it", ref=f"r{number}", client_id=f"c{number}")
        errors = [await socket.until("error") for _ in range(3)]
    assert [(error["ref"], error["client_id"]) for error in errors] == [
        ("r2", "c2"),
        ("r3", "c3"),
        ("r4", "c4"),
    ]
    assert {error["code"] for error in errors} == {"rate_limited"}
    assert all(0 < error["retry_after"] <= 1 for error in errors)


async def test_whoever_goes_on_is_closed_after_the_twentieth(settings: Any) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 0.001
    async with welcomed(Consumer) as socket:
        for _ in range(40):
            await socket.send(type="ping")
        assert await socket.closed() == 4429
        errors = [frame for frame in socket.frames if frame["type"] == "error"]
        assert len(errors) == 20


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"ref": 5}', '{"ref": "' + "x" * 65 + '"}', "x" * 70_000]
)
async def test_a_refused_frame_that_makes_no_sense_is_refused_all_the_same(
    settings: Any, text: str
) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 0.001
    async with welcomed(Consumer) as socket:
        await socket.send(type="ping")
        await socket.send_text(text)
        await socket.send_bytes(b"x")
        for _ in range(2):
            error = await socket.until("error")
            assert (error["code"], "ref" in error) == ("rate_limited", False)


async def test_a_refused_frame_is_not_acted_upon(settings: Any) -> None:
    settings.LIMIT_FRAMES_PER_SECOND = 0.001
    done: list[int] = []

    async def doing(_: Consumer) -> None:
        done.append(1)

    async with welcomed(consumer(doing=doing)) as socket:
        for _ in range(5):
            await socket.send(type="do-it")
        for _ in range(4):
            await socket.until("error")
    assert done == [1]


async def test_a_person_has_so_many_sockets_and_they_are_free_again(settings: Any) -> None:
    settings.LIMIT_SOCKETS_PER_USER = 2
    for _ in range(2):
        async with welcomed(Consumer), welcomed(Consumer):
            async with connected(Consumer) as third:
                error = await third.until("error")
                assert (error["code"], await third.closed()) == ("rate_limited", 4429)
                assert error["retry_after"] >= 5
            other = Credential(user=object(), person=Person(id="8", name="Bob"), kind="test")
            async with welcomed(Consumer, given=other):
                pass
    assert places.get()._here == {}


async def test_without_a_limit_places_are_not_counted(settings: Any) -> None:
    async with welcomed(Consumer), welcomed(Consumer):
        assert places.get()._here == {}
