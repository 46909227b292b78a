"""Staff look at the site while it lives, and speak to everybody on it."""

import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import PHONE, People
from tests.browser.site import Site
from tests.browser.window import Window, until


async def at_ops(people: People, **options: object) -> Window:
    staff = await people.staff(**options)
    await staff.go("/ops/")
    await expect(staff.page.locator(".ops__state")).to_have_text("Live")
    return staff


def figure(window: Window, name: str) -> Locator:
    return window.page.locator(f"[data-figure={name}] .figure__value")


def result(window: Window, command: str) -> Locator:
    return window.page.locator(f"[data-command={command}] .ops-form__result")


async def test_staff_see_numbers_and_lines_move(people: People, site: Site, room: str) -> None:
    staff = await at_ops(people)
    await expect(figure(staff, "workers")).to_have_text("1")
    await expect(figure(staff, "uptime")).to_contain_text("s")
    line = staff.page.locator("[data-figure=messages_per_second] .plot__line")
    await expect(line).to_have_attribute("points", re.compile(r"\d.* .*\d"))
    before = await line.get_attribute("points")
    await expect(figure(staff, "connections")).not_to_have_text("1")  # the bell is one, too
    ada = await people.guest("Ada", room=room)
    await expect(figure(staff, "connections")).to_have_text(re.compile(r"^([4-9]|\d\d)$"))
    await expect(figure(staff, "rooms")).not_to_have_text("0")
    plot = staff.page.locator("[data-figure=messages_per_second] .plot")

    async def talk_is_counted() -> bool:
        await ada.write("Hello")
        return "at most 0.0" not in str(await plot.get_attribute("aria-label"))

    await until(talk_is_counted)
    await expect(line).not_to_have_attribute("points", before or "")


async def test_an_announcement_is_seen_in_rooms_and_on_other_pages_and_is_not_kept(
    people: People, room: str
) -> None:
    staff = await at_ops(people)
    ada = await people.guest("Ada")
    mira = await people.account("Mira")
    for window in (ada, mira):
        await window.stop_the_clock()
    await ada.enter(room)
    await mira.go("/notifications/")
    await mira.bell_hears()
    await staff.page.get_by_label("To everybody").fill("Tea at <b>four</b>")
    await staff.page.get_by_role("button", name="Announce").click()
    await expect(result(staff, "announce")).to_have_text("Announced to everybody.")
    for window in (ada, mira):
        await expect(window.page.locator(".toast")).to_contain_text("Tea at <b>four</b>")
        await window.page.clock.resume()
    line = ada.page.locator(".message--announcement .message__body")
    await expect(line).to_have_text(re.compile(r"^Announcement from .+: Tea at <b>four</b>$"))
    await expect(line).to_be_in_viewport()
    await ada.reload()
    await expect(line).to_have_count(0)
    await expect(staff.page.locator(".audit__text").first).to_contain_text("Tea at <b>four</b>")


async def test_a_kick_ends_what_the_person_has_open_and_says_so_to_both(
    people: People, room: str
) -> None:
    staff = await at_ops(people)
    ada = await people.guest("Ada", room=room)
    await staff.page.get_by_label("Person").fill((await ada.you())["id"])
    await staff.page.get_by_label("Reason").fill("Too loud")
    await staff.page.get_by_role("button", name="End all their connections").click()
    await expect(result(staff, "kick")).to_have_text("All connections of Ada were ended.")
    await expect(ada.page.locator(".notice")).to_contain_text("Too loud")


async def test_what_cannot_be_done_is_said_and_what_was_typed_stays(people: People) -> None:
    staff = await at_ops(people)
    field = staff.page.get_by_label("Connection", exact=False).last
    await field.fill("nobody's")
    await staff.page.get_by_role("button", name="End this connection").click()
    await expect(result(staff, "disconnect")).to_have_text("No worker has such a connection.")
    await expect(field).to_have_value("nobody's")


async def test_operations_are_for_staff(people: People) -> None:
    guest = await people.guest("Ada")
    answer = await guest.page.goto(f"{guest.address}/ops/")
    assert answer
    assert answer.status == 403
    nobody = await people.nobody()
    await nobody.go("/ops/")
    await expect(nobody.page).to_have_url(f"{nobody.address}/accounts/login/?next=/ops/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_page_fits_a_phone(people: People, scheme: str) -> None:
    staff = await at_ops(people, color_scheme=scheme, **PHONE)
    await expect(figure(staff, "workers")).to_have_text("1")
    too_wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not await staff.page.evaluate(too_wide)
