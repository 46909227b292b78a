"""Where a reader lands, scrolls and jumps in a room with a past."""

import asyncio

import pytest_asyncio
from playwright.async_api import Locator, expect

from tests.browser.people import People
from tests.browser.site import Site
from tests.browser.window import PATIENCE_S, Window

LINES = 480
LIMIT = 300  # rows in the page at most

# Scrolls in steps; reports how far the line under the eyes jumped, and the rows at the end.
SCROLL = """async ({ step, patience, stop }) => {
  const scroller = document.querySelector(".messages");
  const rows = () => [...document.querySelectorAll(".message")];
  const later = (resolve) => requestAnimationFrame(() => setTimeout(resolve, 10));
  const frame = () => new Promise(later);
  const deadline = Date.now() + patience;
  let jump = 0, most = 0;
  while (!document.getElementById(stop) && Date.now() < deadline) {
    const row = rows().find((one) => one.getBoundingClientRect().bottom > 120);
    const old = row.getBoundingClientRect().top;
    scroller.scrollTop += step;
    const top = row.getBoundingClientRect().top;
    await frame();
    await frame();
    const moved = Math.abs(row.getBoundingClientRect().top - top);
    if (row.isConnected && top !== old) jump = Math.max(jump, moved);
    most = Math.max(most, rows().length);
  }
  return { jump, most, seqs: rows().map((row) => Number(row.id.slice(1))) };
}"""


EVERYTHING_IS_READ = """async () => {
  const answer = await fetch("/api/rooms/");
  return (await answer.json()).results.every(({ unread }) => unread === 0);
}"""


# At the very top: what a line does when older ones come in above it.
PREPEND = """async () => {
  const rows = () => [...document.querySelectorAll(".message")];
  const [first, , , fourth] = rows();
  document.querySelector(".messages").scrollTop = 0;
  const { top } = fourth.getBoundingClientRect();
  while (rows()[0] === first) await new Promise((resolve) => requestAnimationFrame(resolve));
  return fourth.getBoundingClientRect().top - top;
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def long_room(site: Site) -> str:
    """Its first event is that of `staff` joining: line n has the seq n + 1."""
    room = await site.room("Archive")
    await site.say(room, [f"Line {number}" for number in range(1, LINES + 1)])
    return room


async def member(people: People, room: str) -> Window:
    reader = await people.guest("Reader")
    await reader.post(f"/chat/{room}/join/")
    return reader


def rooms_link(window: Window, room: str) -> Locator:
    return window.page.locator(f".rooms__link[data-room='{room}']")


def jump_button(window: Window) -> Locator:
    return window.page.get_by_role("button", name="Jump to newest")


async def distance_to_end(window: Window) -> float:
    return float(
        await window.page.locator(".messages").evaluate(
            "box => box.scrollHeight - box.clientHeight - box.scrollTop"
        )
    )


def is_contiguous(seqs: list[int]) -> bool:
    return seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_unread_elsewhere_is_counted_in_the_sidebar_until_read(
    people: People, site: Site, room: str
) -> None:
    reader = await member(people, room)
    other = await site.room()
    await reader.post(f"/chat/{other}/join/")
    await reader.enter(room)
    count = rooms_link(reader, other).locator(".rooms__count")
    await expect(count).to_have_text("")
    await site.say(other, ["One", "Two"])
    await expect(count).to_have_text("2")
    await expect(reader.page.get_by_role("link", name=", 2 unread")).to_be_visible()
    tab = await reader.another_tab()
    await tab.enter(other)
    await tab.sees("Two")
    await expect(count).to_have_text("")
    await tab.reload()
    await expect(tab.page.locator(".message__new:not([hidden])")).to_have_count(0)


async def test_one_lands_on_the_oldest_unread_under_a_new_line(
    people: People, site: Site, room: str
) -> None:
    await site.say(room, [f"Old {number}" for number in range(30)])
    reader = await member(people, room)
    await reader.enter(room)
    await reader.sees("Old 29")
    await reader.until(EVERYTHING_IS_READ)
    await reader.page.close()
    await site.say(room, [f"New {number}" for number in range(120)])
    tab = await reader.another_tab()
    await tab.enter(room)
    first = tab.page.locator(".message", has=tab.page.locator(".message__new:not([hidden])"))
    await expect(first.locator(".message__body")).to_have_text("New 0")
    await expect(first).to_be_in_viewport()
    box = await first.bounding_box()
    assert box
    assert box["y"] < 200
    await expect(jump_button(tab)).to_have_text("Jump to newest (120 new)")
    await jump_button(tab).press("Enter")
    assert await tab.focused() == "messages"
    await expect(tab.message("New 119")).to_be_in_viewport()
    await expect(jump_button(tab)).to_be_hidden()


async def test_scrolling_up_neither_jumps_nor_piles_up(people: People, long_room: str) -> None:
    reader = await people.guest("Reader", room=long_room)
    await expect(reader.message(f"Line {LINES}")).to_be_in_viewport()
    assert await reader.bodies.count() <= 100
    up = await reader.page.evaluate(
        SCROLL, {"step": -700, "patience": PATIENCE_S * 1_000, "stop": "m1"}
    )
    assert up["jump"] < 1.5
    assert up["most"] <= LIMIT
    assert up["seqs"][0] == 1
    assert is_contiguous(up["seqs"])
    down = await reader.page.evaluate(
        SCROLL, {"step": 700, "patience": PATIENCE_S * 1_000, "stop": f"m{LINES + 1}"}
    )
    assert down["jump"] < 1.5
    assert down["most"] <= LIMIT
    assert down["seqs"][-1] == LINES + 1
    assert is_contiguous(down["seqs"])


async def test_the_first_line_loses_its_heading_without_moving_the_others(
    people: People, long_room: str
) -> None:
    reader = await people.guest("Reader", room=long_room)
    await expect(reader.message(f"Line {LINES}")).to_be_in_viewport()
    await reader.page.locator(".messages").evaluate("box => box.scrollTo(0, 900)")
    async with asyncio.timeout(PATIENCE_S):
        assert abs(await reader.page.evaluate(PREPEND)) < 1.5


async def test_a_link_centres_and_marks_its_message_far_up(people: People, long_room: str) -> None:
    reader = await people.guest("Reader")
    await reader.go(f"/chat/{long_room}/#m101")
    linked = reader.page.locator("#m101")
    await expect(linked.locator(".message__body")).to_have_text("Line 100")
    await expect(linked).to_be_focused()
    box = await linked.bounding_box()
    assert box
    assert 250 < box["y"] < 550
    await jump_button(reader).click()
    await expect(reader.message(f"Line {LINES}")).to_be_in_viewport()
    await expect(jump_button(reader)).to_be_hidden()


async def test_a_link_to_nothing_lands_at_the_end(people: People, long_room: str) -> None:
    reader = await people.guest("Reader")
    await reader.go(f"/chat/{long_room}/#m99999")
    await expect(reader.message(f"Line {LINES}")).to_be_in_viewport()


async def test_the_link_of_a_message_can_be_copied(people: People, long_room: str) -> None:
    reader = await people.guest("Reader")
    await reader.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await reader.enter(long_room)
    row = reader.message(f"Line {LINES}")
    await row.hover()
    await row.get_by_role("button", name="More about the message").click()
    await reader.page.get_by_role("menuitem", name="Copy link").click()
    await expect(reader.page.locator("#composer-note")).to_have_text("Link copied.")
    copied = await reader.page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{reader.address}/chat/{long_room}/#m{LINES + 1}"


async def test_the_list_sticks_to_the_end_only_for_those_who_are_there(
    people: People, site: Site
) -> None:
    room = await site.room()
    await site.say(room, [f"Line {number}" for number in range(60)])
    reader = await people.guest("Reader", room=room)
    writer = await people.guest("Writer", room=room)
    await writer.write("First")
    await expect(reader.message("First")).to_be_in_viewport()
    assert await distance_to_end(reader) < 2
    await reader.page.locator(".messages").evaluate("box => box.scrollBy(0, -600)")
    await expect(jump_button(reader)).to_have_text("Jump to newest")
    await expect(reader.page.locator("#m1")).to_be_attached()
    before = await reader.message("Line 40").bounding_box()
    await writer.write("Second")
    await expect(jump_button(reader)).to_have_text("Jump to newest (1 new)")
    await reader.sees("Second")
    assert await reader.message("Line 40").bounding_box() == before
    await reader.write("Mine")
    await expect(reader.message("Mine")).to_be_in_viewport()
    await expect(jump_button(reader)).to_be_hidden()


async def test_back_in_history_rooms_that_were_read_are_not_unread(
    people: People, site: Site, room: str
) -> None:
    other = await site.room()
    ada = await people.account("ada", room=room)
    await ada.post(f"/chat/{other}/join/")
    await site.say(other, ["For Ada"])
    await ada.reload()
    count = ada.page.locator(f'.rooms__link[data-room="{other}"] .rooms__count')
    await expect(count).to_have_text("1")
    await ada.page.locator(f'.rooms__link[data-room="{other}"]').click()
    await ada.is_connected()
    await expect(count).to_have_text("")
    await ada.page.go_back()
    await ada.is_connected()
    await expect(count).to_have_text("")
