"""Where one writes, and what becomes of what was written."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser.people import PHONE, People
from tests.browser.site import Site
from tests.browser.window import DRAWN, Window

Frame = dict[str, Any]

HEAR_OF_SENDING = """() => {
  window.heard = new Promise((resolve) => {
    addEventListener("storage", ({ newValue }) => newValue === null && resolve());
  });
}"""


async def between(window: Window, answer: Callable[[WebSocketRoute, Frame], bool]) -> None:
    """Stands between page and server: `answer` says whether a message of the page goes through."""

    def handle(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def passed(data: str | bytes) -> None:
            frame = json.loads(data)
            if frame["type"] != "message" or answer(socket, frame):
                server.send(data)

        socket.on_message(passed)

    await window.page.route_web_socket("**/ws/chat/**", handle)


def refusal(frame: Frame, code: str, **more: Any) -> str:
    error = {"type": "error", "code": code, "message": "You may not write here.", **more}
    return json.dumps({**error, "client_id": frame["client_id"], "ref": frame["ref"]})


async def test_a_message_is_there_at_once_and_greyed_until_it_is_stored(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")
    held: list[Frame] = []
    await between(ada, lambda _socket, frame: held.append(frame) is not None)
    await ada.enter(room)
    await ada.write("Not yet")
    await expect(ada.pending.locator(".message__body")).to_have_text("Not yet")
    await expect(ada.composer).to_have_value("")
    assert await site.messages(room) == []
    assert {frame["text"] for frame in held} == {"Not yet"}


async def test_a_refused_message_says_why_and_can_be_sent_again(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")
    refused: list[str] = []

    def answer(socket: WebSocketRoute, frame: Frame) -> bool:
        if len(refused) < 2:
            refused.append(frame["client_id"])
            socket.send(refusal(frame, "forbidden"))
            return False
        return True

    await between(ada, answer)
    await ada.enter(room)
    await ada.write("Let me")
    failed = ada.page.locator(".message--failed")
    await expect(failed.get_by_role("alert")).to_have_text("Not sent. You may not write here.")
    await ada.keeps("failed")
    await ada.reload()
    await expect(failed).to_have_count(1)
    await failed.get_by_role("button", name="Retry").press("Enter")
    assert await ada.focused() == "messages"
    await expect(failed.get_by_role("alert")).to_be_visible()
    await failed.get_by_role("button", name="Retry").click()
    await ada.has_sent_everything()
    assert [message["client_id"] for message in await site.messages(room)] == [refused[0]]
    assert refused[0] == refused[1]


async def test_a_refused_message_can_be_discarded_for_good(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")

    def answer(socket: WebSocketRoute, frame: Frame) -> bool:
        if frame["text"] != "Never mind":
            return True
        socket.send(refusal(frame, "forbidden"))
        return False

    await between(ada, answer)
    await ada.enter(room)
    await ada.write("Never mind", "Something else")
    await ada.page.get_by_role("button", name="Discard").press("Enter")
    assert await ada.focused() == "messages"
    await ada.has_sent_everything()
    await ada.keeps()
    await ada.reload()
    await ada.sees("Something else")
    assert await ada.texts() == ["Something else"]
    assert [message["text"] for message in await site.messages(room)] == ["Something else"]


async def test_a_limit_that_passes_is_waited_out_without_a_word(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")
    tries: list[str] = []

    def answer(socket: WebSocketRoute, frame: Frame) -> bool:
        tries.append(frame["text"])
        if len(tries) > 1:
            return True
        socket.send(refusal(frame, "rate_limited", retry_after=0.2))
        return False

    await between(ada, answer)
    await ada.enter(room)
    await ada.write("One", "Two")
    await ada.sees("One", "Two")
    await ada.has_sent_everything()
    assert tries == ["One", "One", "Two"]
    assert [message["text"] for message in await site.messages(room)] == ["One", "Two"]


async def test_a_draft_survives_a_reload_in_its_own_room(
    people: People, site: Site, room: str
) -> None:
    other = await site.room()
    ada = await people.guest("Ada", room=room)
    await ada.type("Half a thought")
    await ada.reload()
    await expect(ada.composer).to_have_value("Half a thought")
    await ada.enter(other)
    await expect(ada.composer).to_have_value("")
    await ada.enter(room)
    await ada.composer.press("Enter")
    await ada.has_sent_everything()
    await ada.reload()
    await expect(ada.composer).to_have_value("")


async def test_each_tab_has_its_own_draft(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.type("Half a thought")
    tab = await ada.another_tab()
    await tab.enter(room)
    await expect(tab.composer).to_have_value("Half a thought")
    await tab.write("Another")
    await tab.has_sent_everything()
    await ada.reload()
    await expect(ada.composer).to_have_value("Half a thought")
    await tab.reload()
    await expect(tab.composer).to_have_value("")
    await ada.page.close()
    late = await tab.another_tab()
    await late.enter(room)
    await expect(late.composer).to_have_value("Half a thought")


async def test_a_draft_that_another_tab_has_sent_does_not_come_back(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.type("Half a thought")
    await ada.page.evaluate(HEAR_OF_SENDING)
    tab = await ada.another_tab()
    await tab.enter(room)
    await tab.composer.press("Enter")
    await tab.has_sent_everything()
    await ada.page.evaluate("() => window.heard")
    await ada.page.close()
    late = await tab.another_tab()
    await late.enter(room)
    await expect(late.composer).to_have_value("")


async def test_a_box_that_grows_line_by_line_leaves_the_newest_in_view(
    people: People, site: Site, room: str
) -> None:
    await site.say(room, [f"Line {number}" for number in range(60)])
    ada = await people.guest("Ada", room=room)
    await expect(ada.message("Line 59")).to_be_in_viewport()
    for number in range(10):
        await ada.page.keyboard.type(f"{number}")
        await ada.page.keyboard.press("Shift+Enter")
        await ada.page.evaluate(DRAWN)
    await ada.page.evaluate(DRAWN)
    await expect(ada.page.get_by_role("button", name="Jump to newest")).to_be_hidden()
    await site.say(room, ["And one more"])
    await expect(ada.message("And one more")).to_be_in_viewport()


async def test_enter_sends_and_shift_enter_breaks_the_line(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    assert await ada.focused() == "composer-text"
    before = await ada.composer.bounding_box()
    await ada.page.keyboard.type("One")
    await ada.page.keyboard.press("Shift+Enter")
    await ada.page.keyboard.type("Two")
    after = await ada.composer.bounding_box()
    assert before
    assert after
    assert after["height"] > before["height"]
    await ada.page.keyboard.press("Enter")
    await expect(ada.bodies).to_have_text(["One\nTwo"])


async def test_enter_of_an_input_method_chooses_and_does_not_send(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.composer.fill("にほんご")
    press = "(box, how) => box.dispatchEvent(new KeyboardEvent('keydown', how))"
    enter = {"key": "Enter", "bubbles": True, "cancelable": True}
    await ada.composer.evaluate(press, {**enter, "isComposing": True})
    await ada.composer.evaluate(press, {**enter, "keyCode": 229})
    await expect(ada.composer).to_have_value("にほんご")
    assert await ada.texts() == []


async def test_on_touch_enter_breaks_the_line_and_the_button_sends(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room, **PHONE)
    assert await ada.focused() != "composer-text"
    await ada.composer.tap()
    await ada.page.keyboard.type("One")
    await ada.page.keyboard.press("Enter")
    await ada.page.keyboard.type("Two")
    await ada.page.get_by_role("button", name="Send").tap()
    await expect(ada.bodies).to_have_text(["One\nTwo"])


async def test_the_box_grows_to_two_fifths_of_the_height(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.composer.fill("line\n" * 60)
    box = await ada.composer.bounding_box()
    assert box
    assert 280 <= box["height"] <= 320


async def test_a_text_that_is_too_long_is_counted_and_kept(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    counter = ada.page.locator(".composer__counter")
    await ada.composer.fill("x" * 7_000)
    await expect(counter).to_be_hidden()
    await ada.composer.fill("x" * 7_990)
    await expect(counter).to_have_text("10 left")
    await ada.write("x" * 8_003)
    await expect(counter).to_have_text("3 too many")
    await expect(ada.page.locator("#composer-note")).to_contain_text("at most 8,000")
    await expect(ada.composer).to_have_value("x" * 8_003)
    await ada.write("😀" * 8_000)
    await ada.has_sent_everything()
    assert [len(text) for text in await ada.texts()] == [8_000]


@pytest.mark.parametrize("text", ["", "   ", "\n\n"])
async def test_nothing_is_not_sent(people: People, site: Site, room: str, text: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write(text)
    await ada.write("Something")
    await ada.has_sent_everything()
    assert [message["text"] for message in await site.messages(room)] == ["Something"]


async def test_commands_and_lines_that_only_look_like_them(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("/help ")
    await expect(ada.page.get_by_role("dialog", name="Keys and commands")).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await ada.write("/shrug")
    await expect(ada.page.locator("#composer-note")).to_contain_text("no command /shrug")
    await ada.write("//shrug", "/etc/hosts")
    await ada.sees("/shrug", "/etc/hosts")


async def test_a_name_is_suggested_after_an_at_sign(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await people.guest("Mira", room=room)
    await ada.shows_online(2)
    await ada.type("Ask @mi")
    await expect(ada.page.get_by_role("option")).to_have_text(["Miraguest"])
    await expect(ada.composer).to_have_attribute("aria-activedescendant", "suggestion-0")
    await ada.page.keyboard.press("Tab")
    await expect(ada.composer).to_have_value("Ask @Mira ")
    await ada.type("@mi")
    await ada.page.keyboard.press("Escape")
    await expect(ada.page.get_by_role("option")).to_have_count(0)
