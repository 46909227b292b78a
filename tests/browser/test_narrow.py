"""A phone: 390 x 844, touch."""

import pytest
from playwright.async_api import expect

from tests.browser.people import PHONE, People
from tests.browser.site import Site
from tests.browser.window import Window

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def open_sidebar(window: Window) -> None:
    await window.page.get_by_role("button", name="Rooms and people").tap()
    await expect(window.page.get_by_role("complementary")).to_be_in_viewport()


async def test_the_sidebar_is_an_overlay_that_opens_and_closes(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room, **PHONE)
    toggle = ada.page.locator(".sidebar-toggle")
    sidebar = ada.page.get_by_role("complementary", name="Rooms and people")
    await expect(sidebar).not_to_be_in_viewport()
    await open_sidebar(ada)
    await expect(toggle).to_have_attribute("aria-expanded", "true")
    await expect(sidebar.get_by_role("button", name="Close")).to_be_focused()
    assert await ada.page.evaluate("document.querySelector('.room').inert")
    await ada.page.keyboard.press("Escape")
    await expect(toggle).to_have_attribute("aria-expanded", "false")
    await expect(toggle).to_be_focused()
    assert not await ada.page.evaluate("document.querySelector('.room').inert")
    await open_sidebar(ada)
    await ada.page.touchscreen.tap(380, 600)
    await expect(toggle).to_have_attribute("aria-expanded", "false")


async def test_what_is_hidden_in_the_overlay_cannot_be_reached_by_key(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room, **PHONE)
    await ada.page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    for _ in range(12):
        await ada.page.keyboard.press("Tab")
        assert not await ada.page.evaluate("Boolean(document.activeElement.closest('.sidebar'))")


async def test_another_room_is_two_taps_away(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room, **PHONE)
    await open_sidebar(ada)
    await ada.page.get_by_role("link", name="Random").tap()
    await ada.page.wait_for_url("**/chat/random/")
    await ada.is_connected()
    await expect(ada.page.get_by_role("complementary")).not_to_be_in_viewport()


async def test_the_toggle_has_a_dot_while_something_is_unread(
    people: People, site: Site, room: str
) -> None:
    other = await site.room()
    ada = await people.guest("Ada", **PHONE)
    await ada.post(f"/chat/{other}/join/")
    await ada.enter(room)
    await expect(ada.page.locator(".sidebar-toggle--dot")).to_have_count(0)
    await site.say(other, ["News"])
    await expect(ada.page.locator(".sidebar-toggle--dot")).to_be_visible()
    await expect(ada.page.locator(".sidebar-toggle__label")).to_contain_text("something is unread")


async def test_two_phones_talk(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room, **PHONE)
    mira = await people.guest("Mira", room=room, **PHONE)
    await ada.composer.fill("Hello")
    await ada.page.get_by_role("button", name="Send").tap()
    await mira.sees("Hello")


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/"])
async def test_pages_for_those_outside_fit(people: People, path: str) -> None:
    nobody = await people.nobody(**PHONE)
    await nobody.go(path)
    assert await nobody.page.evaluate(OVERFLOW) == 0


@pytest.mark.parametrize("path", ["/", "/orders/", "/notifications/", "/chat/general/"])
async def test_pages_of_the_staff_fit(people: People, site: Site, path: str) -> None:
    staff = await people.staff(**PHONE)
    await staff.go(path)
    assert await staff.page.evaluate(OVERFLOW) == 0
    await staff.page.locator(".bell__button").tap()
    popover = staff.page.get_by_role("dialog", name="Notifications")
    await expect(popover).to_be_in_viewport(ratio=1)
