"""The keyboard alone."""

import re

from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import Site
from tests.browser.window import Window


# Leaving a field is not enough: Tab goes on from where the focus was.
async def from_the_top(window: Window) -> None:
    await window.page.evaluate("document.body.tabIndex = -1; document.body.focus()")


async def test_tab_goes_through_the_page_in_reading_order(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("Hello")
    await ada.has_sent_everything()
    await from_the_top(ada)
    stops: list[str] = []
    for _ in range(60):
        await ada.page.keyboard.press("Tab")
        stops.append(await ada.focused())
        if stops[-1] == "composer-text":
            break
    landmarks = ["skip-link", "rooms__link", "bell__button", "messages", "composer-text"]
    places = [
        next(i for i, stop in enumerate(stops) if stop.startswith(mark)) for mark in landmarks
    ]
    assert places == sorted(places)
    assert places[0] == 0
    await ada.page.keyboard.press("Shift+Tab")
    assert await ada.focused() != "composer-text"


async def test_the_skip_link_leads_to_the_message_box(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await from_the_top(ada)
    await ada.page.keyboard.press("Tab")
    await expect(ada.page.get_by_role("link", name="Skip to the message box")).to_be_in_viewport()
    await ada.page.keyboard.press("Enter")
    await expect(ada.composer).to_be_focused()
    await ada.page.keyboard.type("Here")
    await expect(ada.composer).to_have_value("Here")


async def test_ctrl_k_jumps_to_a_room(people: People, site: Site, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.page.keyboard.press("Control+k")
    await ada.page.keyboard.type("rando")
    await expect(ada.page.get_by_role("option")).to_have_text(["Random"])
    await expect(ada.page.get_by_role("option")).to_have_attribute("aria-selected", "true")
    await ada.page.keyboard.press("Enter")
    await ada.page.wait_for_url("**/chat/random/")
    await ada.is_connected()
    await ada.page.keyboard.press("Control+k")
    await ada.page.keyboard.type("no such room")
    await expect(ada.page.get_by_text("No room of that name.")).to_be_visible()
    await ada.page.keyboard.press("Enter")
    await ada.page.keyboard.press("Escape")
    await expect(ada.composer).to_be_focused()


async def test_alt_and_arrows_walk_through_the_rooms(people: People, site: Site, room: str) -> None:
    ada = await people.guest("Ada", room="general")
    order = await ada.page.locator(".rooms__link").evaluate_all(
        "links => links.map(link => link.dataset.room)"
    )
    here = order.index("general")
    following = order[(here + 1) % len(order)]
    await ada.page.keyboard.press("Alt+ArrowDown")
    await ada.page.wait_for_url(f"**/chat/{following}/")
    await ada.is_connected()
    await ada.page.keyboard.press("Alt+ArrowUp")
    await ada.page.wait_for_url("**/chat/general/")


async def test_alt_shift_and_arrows_go_to_the_next_unread(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")
    await ada.post(f"/chat/{room}/join/")
    await ada.enter("general")
    await site.say(room, ["News"])
    await expect(ada.page.locator(f".rooms__link[data-room='{room}']")).to_have_class(
        re.compile("rooms__link--unread")
    )
    await ada.page.keyboard.press("Alt+Shift+ArrowUp")
    await ada.page.wait_for_url(f"**/chat/{room}/")


async def test_j_and_k_move_through_messages_and_escape_returns(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("One", "Two", "Three")
    await ada.has_sent_everything()
    await ada.page.keyboard.press("Control+F6")
    await ada.page.keyboard.press("Control+F6")
    await ada.page.keyboard.press("Control+F6")
    focused = ada.page.locator(".message:focus .message__body")
    await expect(focused).to_have_text("Three")
    await ada.page.keyboard.press("k")
    await expect(focused).to_have_text("Two")
    await ada.page.keyboard.press("k")
    await ada.page.keyboard.press("j")
    await expect(focused).to_have_text("Two")
    await ada.page.keyboard.press("Escape")
    await expect(ada.composer).to_be_focused()
    await ada.page.keyboard.type("jk?")
    await expect(ada.composer).to_have_value("jk?")


async def test_the_menu_of_a_message_works_by_key(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("One")
    await ada.has_sent_everything()
    await ada.page.locator(".message__body").last.click()
    await ada.page.evaluate("document.activeElement.blur()")
    await ada.page.keyboard.press("k")
    await ada.page.keyboard.press("Tab")
    await ada.page.keyboard.press("Enter")
    menu = ada.page.get_by_role("menu", name="Message")
    await expect(menu.get_by_role("menuitem", name="Copy link")).to_be_focused()
    await ada.page.keyboard.press("ArrowDown")
    await expect(menu.get_by_role("menuitem", name="Copy text")).to_be_focused()
    await ada.page.keyboard.press("Escape")
    await expect(menu).to_be_hidden()
    await expect(ada.page.locator(".message__more").last).to_be_focused()


async def test_a_question_mark_lists_the_keys_and_escape_closes_it(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.page.evaluate("document.activeElement.blur()")
    await ada.page.keyboard.press("?")
    dialog = ada.page.get_by_role("dialog", name="Keys and commands")
    await expect(dialog).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_the_bell_opens_and_closes_by_key(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    bell = ada.page.locator(".bell__button")
    await bell.focus()
    await ada.page.keyboard.press("Enter")
    await expect(bell).to_have_attribute("aria-expanded", "true")
    await ada.page.keyboard.press("Tab")
    assert await ada.page.evaluate("Boolean(document.activeElement.closest('.bell__popover'))")
    await ada.page.keyboard.press("Escape")
    await expect(bell).to_have_attribute("aria-expanded", "false")
    await expect(bell).to_be_focused()
