"""The page as a screen reader has it: roles, names, and what is spoken."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import Site
from tests.browser.window import Window

ROLES = {"button", "link", "textbox", "combobox", "checkbox", "tab", "menuitem", "option", "dialog"}
TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
NAMED = {*ROLES, "region", "navigation", "complementary", "feed", "listbox", "menu", "table"}


async def nameless(window: Window) -> list[str]:
    """What Chromium itself would give to assistive technology without a name."""
    session = await window.context.new_cdp_session(window.page)
    tree = await session.send("Accessibility.getFullAXTree")
    return [
        _role(node)
        for node in tree["nodes"]
        if not node["ignored"] and _role(node) in NAMED and not node.get("name", {}).get("value")
    ]


def _role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


async def check(window: Window) -> None:
    assert await nameless(window) == []
    await expect(window.page.locator("h1:visible")).to_have_count(1)
    await expect(window.page.get_by_role("main")).to_have_count(1)
    assert await window.page.get_attribute("html", "lang") == "en"
    repeated = """() => {
      const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
      return ids.filter((id, index) => ids.indexOf(id) !== index);
    }"""
    assert await window.page.evaluate(repeated) == []


async def has_heard_all(window: Window, site: Site, room: str) -> None:
    """A room's new name comes after what was said before, and is shown though the clock stands."""
    await site.call(f"rooms/{room}/", {"name": "That was all"}, method="PATCH")
    await expect(window.page.get_by_role("heading", name="That was all")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/"])
async def test_pages_for_those_outside_have_names_for_everything(people: People, path: str) -> None:
    nobody = await people.nobody()
    await nobody.go(path)
    await check(nobody)


@pytest.mark.parametrize("path", ["/", "/orders/", "/notifications/"])
async def test_pages_of_the_staff_have_names_for_everything(
    people: People, site: Site, path: str
) -> None:
    staff = await people.staff()
    await staff.go(path)
    await check(staff)


async def test_a_room_has_names_for_everything(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await mira.write("Hello")
    await ada.sees("Hello")
    await check(ada)
    for opener in ("More about this room", "Notifications"):
        await ada.page.get_by_role("button", name=opener, exact=True).click()
        assert await nameless(ada) == []
        await ada.page.keyboard.press("Escape")
    await ada.composer.focus()
    await ada.page.keyboard.press("Control+k")
    assert await nameless(ada) == []


async def test_messages_are_articles_of_a_feed_named_by_their_author(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("Hello")
    await ada.has_sent_everything()
    feed = ada.page.get_by_role("feed", name="Messages in")
    article = feed.get_by_role("article", name="Ada")
    await expect(article).to_have_accessible_description("Hello")
    await expect(article).to_have_attribute("aria-posinset", "2")
    await expect(article.locator("time")).to_have_attribute("datetime", TIMESTAMP)


async def test_what_others_say_is_spoken_politely_and_once(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada")
    await ada.stop_the_clock()
    await ada.enter(room)
    mira = await people.guest("Mira", room=room)
    spoken = ada.page.locator("#announcer")
    await expect(spoken).to_have_attribute("aria-live", "polite")
    await ada.write("My own")
    await mira.sees("My own")
    await mira.write("Good **morning**")
    await mira.has_sent_everything()
    await has_heard_all(ada, site, room)
    await ada.page.clock.run_for(1_000)
    await expect(spoken.locator("p")).to_have_text(["Mira: Good **morning**"])


async def test_a_flood_is_spoken_in_one_sentence(people: People, site: Site, room: str) -> None:
    ada = await people.guest("Ada")
    await ada.stop_the_clock()
    await ada.enter(room)
    await site.say(room, [f"Line {number}" for number in range(1, 41)])
    await has_heard_all(ada, site, room)
    spoken = ada.page.locator("#announcer p")
    assert await spoken.count() == 0
    await ada.page.clock.run_for(1_000)
    await expect(spoken).to_have_text(["40 new messages. The latest: staff: Line 40"])


async def test_the_page_is_told_apart_by_its_title_and_current_room(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    current = ada.page.locator(".rooms__link[aria-current='page']")
    await expect(current).to_have_attribute("data-room", room)
    name = await ada.page.locator(".room__name").inner_text()
    await expect(ada.page).to_have_title(f"{name} · chatsite")
