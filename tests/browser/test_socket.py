"""`static/js/models/socket.js` on its own, against a server that does what the test says."""

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.scripted import Line, Script
from tests.browser.window import until

FINAL = [1000, 4400, 4401, 4403, 4404, 4413]
PASSING = [1001, 1011, 4408, 4508]
AN_HOUR = 3_600_000


@pytest_asyncio.fixture(loop_scope="session")
async def script(browser: Browser) -> AsyncIterator[Script]:
    page = await browser.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    script = Script(page)
    await script.start()
    yield script
    await page.close()
    await script.stop()
    assert not errors


async def welcomed(line: Line) -> None:
    await line.welcome()


async def refused(line: Line) -> None:
    await line.close(1011)


async def restarting(line: Line) -> None:
    await line.welcome()
    await line.send({"type": "closing", "code": 4503, "retry_after": 0.6})
    await line.close(4503)


async def test_attempts_back_off_and_end_in_reconnect_failed(script: Script) -> None:
    limits = {"reconnectInterval": 40, "maxReconnectInterval": 100, "maxReconnectAttempts": 5}
    await script.open(refused, **limits)
    assert await script.until_told("reconnect_failed") == [{"attempts": 5}]
    attempts = await script.told("reconnect")
    assert [each["attempt"] for each in attempts] == [1, 2, 3, 4, 5]
    for each, ceiling in zip(attempts, [40, 80, 100, 100, 100], strict=True):
        assert ceiling / 2 <= each["delay"] <= ceiling
    assert len(script.lines) == 6
    for (one, other), each in zip(pairwise(script.lines), attempts, strict=True):
        assert other.opened - one.opened >= each["delay"] / 1000 - 0.002


async def test_delays_are_spread_so_that_clients_do_not_return_together(script: Script) -> None:
    await script.make(welcomed)
    module = "import('/static/js/models/backoff.js')"
    delays = await script.page.evaluate(
        f"{module}.then(({{ backoff }}) => Array.from({{ length: 200 }}, () =>"
        " backoff(4, { interval: 1000, limit: 30000 })))"
    )
    assert min(delays) >= 4_000
    assert max(delays) <= 8_000
    assert max(delays) - min(delays) > 2_000
    assert len(set(delays)) > 100
    late = await script.page.evaluate(
        f"{module}.then(({{ backoff }}) => backoff(5000, {{ interval: 1000, limit: 30000 }}))"
    )
    assert 15_000 <= late <= 30_000


async def test_after_reconnect_failed_one_can_try_again(script: Script) -> None:
    await script.open(refused, refused, welcomed, maxReconnectAttempts=1)
    await script.until_told("reconnect_failed")
    await script.page.evaluate("socket.open()")
    await script.until_told("open")


@pytest.mark.parametrize("code", FINAL)
async def test_a_final_code_is_never_followed_by_an_attempt(script: Script, code: int) -> None:
    async def ended(line: Line) -> None:
        await line.welcome()
        await line.send({"type": "error", "code": "forbidden", "message": "No more."})
        await line.close(code)

    await script.page.clock.install()
    await script.open(ended)
    assert await script.until_told("close") == [
        {"code": code, "final": True, "message": "No more."}
    ]
    await script.page.clock.run_for(300_000)
    await script.page.evaluate("dispatchEvent(new Event('online'))")
    assert await script.told("reconnect") == []
    assert len(script.lines) == 1


@pytest.mark.parametrize("code", PASSING)
async def test_other_codes_are_followed_by_an_attempt(script: Script, code: int) -> None:
    async def lost(line: Line) -> None:
        await line.welcome()
        await line.close(code)

    await script.open(lost, welcomed)
    opened = await script.until_told("open", 2)
    assert [each["resumed"] for each in opened] == [False, True]
    assert [each["final"] for each in await script.told("close")] == [False]


async def test_a_pause_that_the_server_asked_for_is_kept(script: Script) -> None:
    await script.open(restarting, welcomed)
    assert await script.until_told("reconnect") == [{"attempt": 1, "delay": 600}]
    await script.page.evaluate("dispatchEvent(new Event('online'))")
    await script.until_told("open", 2)
    first, second = script.lines
    assert second.opened - first.opened >= 0.59


async def test_without_reconnect_a_loss_is_the_end(script: Script) -> None:
    await script.page.clock.install()
    await script.open(refused, reconnect=False)
    closed = await script.until_told("close")
    assert closed[0]["final"] is True
    await script.page.clock.run_for(120_000)
    assert len(script.lines) == 1


async def test_frames_are_kept_while_away_and_sent_in_order(script: Script) -> None:
    async def lost(line: Line) -> None:
        await line.welcome()
        await line.close(1001)

    async def back(line: Line) -> None:
        await line.welcome()
        await line.receive(3)

    await script.stop_the_clock()
    await script.make(lost, back, bufferSize=3, reconnectInterval=200)
    await script.page.evaluate("socket.open()")
    await script.until_told("reconnect")
    taken = await script.page.evaluate(
        "[1, 2, 3, 4].map((number) => socket.send({ type: 'note', number }))"
    )
    assert taken == [True, True, True, False]
    assert await script.told("full") == [{"frame": {"type": "note", "number": 4}}]
    await script.page.clock.run_for(200)
    await until(lambda: _frames(script, 1, 3))
    assert [frame["number"] for frame in script.lines[1].frames] == [1, 2, 3]


async def test_what_is_kept_is_not_given_to_a_socket_that_is_refused(script: Script) -> None:
    async def refused_late(line: Line) -> None:
        await line.send({"type": "error", "code": "unavailable", "message": "Later."})
        await line.close(1011)

    await script.make(refused_late, welcomed)
    await script.page.evaluate("socket.send({ type: 'note' }); socket.open()")
    await until(lambda: _frames(script, 1, 1))
    assert script.lines[0].frames == []
    assert script.lines[1].frames == [{"type": "note"}]


async def test_it_resumes_after_the_last_frame_it_took(script: Script) -> None:
    async def first(line: Line) -> None:
        await line.welcome(5)
        await line.messages(6, 7)
        await line.close(1001)

    async def second(line: Line) -> None:
        await line.welcome(9)
        await line.messages(8, 9)

    await script.open(first, second)
    assert await script.until_told("message", 4) == [6, 7, 8, 9]
    assert [line.query.get("after") for line in script.lines] == [None, ["7"]]


async def test_a_page_that_knows_its_place_asks_from_there(script: Script) -> None:
    await script.open(welcomed, after=41)
    await script.until_told("open")
    assert script.lines[0].query["after"] == ["41"]


async def test_repeats_are_dropped_and_a_gap_is_closed_by_asking_again(script: Script) -> None:
    async def first(line: Line) -> None:
        await line.welcome(5)
        await line.messages(6, 6, 7, 5, 7, 10)

    async def second(line: Line) -> None:
        await line.welcome(11)
        await line.messages(8, 9, 10, 11)

    await script.open(first, second)
    assert await script.until_told("message", 6) == [6, 7, 8, 9, 10, 11]
    assert script.lines[1].query["after"] == ["7"]
    assert await script.told("resync") == []


async def test_a_gap_that_stays_is_told_as_a_resync(script: Script) -> None:
    async def gap(line: Line) -> None:
        await line.welcome(20)
        await line.messages(10)

    await script.open(gap, after=5)
    assert await script.until_told("resync") == [10]
    assert len(script.lines) == 2
    assert await script.page.evaluate("socket.lastSeq") == 10


async def test_a_resync_of_the_server_restarts_the_count(script: Script) -> None:
    async def behind(line: Line) -> None:
        await line.welcome(3)
        await line.send({"type": "resync", "seq": 3})
        await line.messages(4)

    await script.open(behind, after=90)
    assert await script.until_told("message") == [4]
    assert len(script.lines) == 1


async def test_what_cannot_be_read_is_passed_over(script: Script) -> None:
    async def noise(line: Line) -> None:
        await line.welcome()
        for data in ("not json", "null", "[]", '"text"', b"\x00\x01"):
            await line._connection.send(data)
        await line.messages(1)

    await script.open(noise)
    assert await script.until_told("message") == [1]
    assert await script.told("close") == []


async def test_every_attempt_has_a_fresh_ticket(script: Script) -> None:
    await script.open(refused, refused, welcomed, tickets=["one", "two", "three"])
    await script.until_told("open")
    assert [line.query["ticket"] for line in script.lines] == [["one"], ["two"], ["three"]]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_ticket_is_being_signed_out(script: Script, status: int) -> None:
    await script.open(welcomed, tickets=[status])
    assert await script.until_told("close") == [{"code": 4401, "final": True, "message": ""}]
    assert script.lines == []


async def test_a_ticket_that_cannot_be_had_now_is_asked_for_again(script: Script) -> None:
    await script.open(welcomed, tickets=[503, "two"])
    await script.until_told("open")
    assert [line.query["ticket"] for line in script.lines] == [["two"]]


async def test_a_silent_server_is_asked_and_then_given_up(script: Script) -> None:
    await script.stop_the_clock()
    await script.open(welcomed)
    await script.until_told("open")
    await script.page.clock.run_for(26_000)
    await until(lambda: _frames(script, 0, 1))
    assert script.lines[0].frames == [{"type": "ping"}]
    assert await script.told("close") == []
    await script.page.clock.run_for(16_000)
    assert [each["code"] for each in await script.until_told("close")] == [1006]
    await script.until_told("open", 2)


async def test_a_server_that_answers_is_kept(script: Script) -> None:
    async def answers(line: Line) -> None:
        await line.welcome()
        while True:
            await line.receive()
            await line.send({"type": "pong", "timestamp": "2026-01-01T00:00:00Z"})

    await script.stop_the_clock()
    await script.open(answers)
    await script.until_told("open")
    for count in range(1, 4):
        await script.page.clock.run_for(26_000)
        await script.until_told("pong", count)
    assert await script.told("close") == []


async def test_a_connection_that_lived_starts_the_backoff_anew(script: Script) -> None:
    lines: list[Line] = []

    async def held(line: Line) -> None:
        lines.append(line)
        await line.welcome()

    await script.page.clock.install()
    await script.open(refused, refused, held, welcomed)
    await script.page.clock.run_for(1_000)
    await script.until_told("open")
    await script.page.clock.run_for(6_000)
    await lines[0].close(1001)
    attempts = await script.until_told("reconnect", 3)
    assert [each["attempt"] for each in attempts] == [1, 2, 1]


async def test_a_question_gets_its_own_answer(script: Script) -> None:
    async def answers(line: Line) -> None:
        await line.welcome()
        one, two = await line.receive(2)
        await line.send({"type": "history", "events": [2], "ref": two["ref"]})
        await line.send({"type": "error", "code": "forbidden", "message": "No.", "ref": one["ref"]})

    await script.open(answers)
    await script.until_told("open")
    answered = await script.page.evaluate(
        "Promise.all([1, 2].map((n) => socket.request({ type: 'history', n })"
        ".then(({ events }) => events, ({ code, message }) => [code, message])))"
    )
    assert answered == [["forbidden", "No."], [2]]


async def test_a_question_fails_when_the_connection_is_lost(script: Script) -> None:
    async def lost(line: Line) -> None:
        await line.welcome()
        await line.receive()
        await line.close(1001)

    await script.make(lost, welcomed)
    ask = "socket.request({ type: 'history' }).catch(({ code }) => code)"
    assert await script.page.evaluate(ask) == "unavailable"
    await script.page.evaluate("socket.open()")
    await script.until_told("open")
    assert await script.page.evaluate(ask) == "unavailable"


async def test_closing_is_final_and_opening_again_goes_on_from_there(script: Script) -> None:
    async def first(line: Line) -> None:
        await line.welcome(1)
        await line.messages(2)

    await script.open(first, welcomed)
    await script.until_told("message")
    await script.page.evaluate("socket.close(); socket.close()")
    assert await script.told("close") == [{"code": 1000, "final": True, "message": ""}]
    assert await script.told("reconnect") == []
    await script.page.evaluate("socket.open(); socket.open()")
    await script.until_told("open", 2)
    assert script.lines[1].query["after"] == ["2"]
    assert len(script.lines) == 2


async def test_a_browser_that_goes_offline_is_believed_and_returns_at_once(script: Script) -> None:
    await script.open(welcomed, reconnectInterval=AN_HOUR, maxReconnectInterval=AN_HOUR)
    await script.until_told("open")
    await script.page.context.set_offline(True)
    await script.until_told("close")
    await script.page.context.set_offline(False)
    await script.until_told("open", 2)


async def _frames(script: Script, line: int, count: int) -> bool:
    return len(script.lines) > line and len(script.lines[line].frames) >= count
