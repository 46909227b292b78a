"""Two people in one room, each in a window of their own."""

from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import Site

# Whether the text is nearer to the right edge of its box than to the left one.
RIGHT = """(body) => {
  const range = document.createRange();
  range.selectNodeContents(body.querySelector("p") ?? body);
  const text = range.getClientRects()[0], box = body.getBoundingClientRect();
  return box.right - text.right < text.left - box.left;
}"""


async def test_two_windows_see_each_others_messages_in_one_order(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.write("Is the boat in?")
    await mira.sees("Is the boat in?")
    await mira.write("Since six.")
    await ada.sees("Since six.")
    await ada.has_sent_everything()
    assert await ada.texts() == await mira.texts() == ["Is the boat in?", "Since six."]


async def test_typing_is_shown_to_the_others_until_the_message_comes(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira")
    await mira.stop_the_clock()
    await mira.enter(room)
    await ada.type("Hello")
    await expect(mira.page.locator(".typing")).to_have_text("Ada is typing…")
    assert await ada.page.locator(".typing").text_content() == ""
    await ada.composer.press("Enter")
    await expect(mira.page.locator(".typing")).to_have_text("")
    await mira.page.clock.resume()
    await mira.sees("Hello")


async def test_typing_that_ends_in_nothing_fades_after_five_seconds(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira")
    await mira.stop_the_clock()
    await mira.enter(room)
    await ada.type("Hel")
    await expect(mira.page.locator(".typing")).to_have_text("Ada is typing…")
    await mira.page.clock.fast_forward(5_100)
    await expect(mira.page.locator(".typing")).to_have_text("")


async def test_coming_and_going_changes_the_count_and_the_list(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.shows_online(1)
    mira = await people.guest("Mira", room=room)
    await ada.shows_online(2)
    await expect(ada.page.locator(".person__name")).to_have_text(["Ada", "Mira"])
    second = await mira.another_tab()
    await second.enter(room)
    await second.shows_online(2)
    await mira.context.close()
    await ada.shows_online(1)
    await expect(ada.page.locator(".person__name")).to_have_text(["Ada"])


async def test_joining_and_leaving_are_told_in_the_room(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    join = mira.page.get_by_role("button", name="Join", exact=True)
    await join.click()
    await expect(join).to_have_count(0)
    await mira.is_connected()
    await ada.sees("Mira joined the room")
    await mira.page.get_by_role("button", name="More about this room").click()
    await mira.page.get_by_role("button", name="Leave the room").click()
    await ada.sees("Mira left the room")


async def test_a_new_name_is_told_and_stands_on_what_comes_later(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await mira.shows_online(2)
    await ada.write("Before")
    await ada.has_sent_everything()
    await ada.rename("Ada Lovelace")
    for window in (ada, mira):
        await window.sees("Ada is now known as Ada Lovelace")
        await expect(window.page.locator(".person__name")).to_have_text(["Ada Lovelace", "Mira"])
    await expect(ada.page.locator(".you__name")).to_have_text("Ada Lovelace")
    await ada.write("After")
    await mira.sees("After")
    await expect(mira.page.locator(".message__author")).to_have_text(["Ada", "Ada Lovelace"])
    await mira.write("/nick Mira B.")
    await ada.sees("Mira is now known as Mira B.")
    await ada.reload()
    await expect(ada.page.locator(".you__name")).to_have_text("Ada Lovelace")


async def test_a_new_name_is_ones_own_in_every_tab(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    tab = await ada.another_tab()
    await tab.enter(room)
    await ada.rename("Countess")
    await expect(tab.page.locator(".you__name")).to_have_text("Countess")
    await tab.write("It is me")
    await expect(tab.message("It is me").locator(".message__author")).to_have_text("Countess")


async def test_guests_are_told_from_others_of_their_name(
    people: People, site: Site, room: str
) -> None:
    guest = await people.guest("staff", room=room)
    await guest.write("Believe me")
    await site.say(room, ["Do not"])
    await expect(guest.message("Believe me").locator(".message__guest")).to_be_visible()
    await expect(guest.message("Do not").locator(".message__guest")).to_be_hidden()


async def test_text_runs_as_its_letters_do(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("שלום", "Peace")
    for text, on_the_right in (("שלום", True), ("Peace", False)):
        body = ada.message(text).locator(".message__body")
        assert await body.evaluate(RIGHT) is on_the_right


async def test_a_name_that_is_refused_says_why_and_stays_to_be_changed(
    people: People, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.rename("Ada\u202etoor")
    await expect(
        ada.page.get_by_role("alert").filter(has_text="marks of direction")
    ).to_be_visible()
    await ada.page.keyboard.press("Escape")
    await expect(ada.page.locator(".you__name")).to_have_text("Ada")


async def test_history_and_the_person_are_there_after_a_reload(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write("One", "Two")
    await ada.has_sent_everything()
    await ada.reload()
    await ada.sees("One", "Two")
    await ada.shows_online(1)
    await ada.write("Three")
    await ada.has_sent_everything()
    assert await ada.texts() == ["One", "Two", "Three"]


async def test_rooms_are_isolated(people: People, site: Site, room: str) -> None:
    other = await site.room()
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=other)
    await ada.write("Only here")
    await ada.has_sent_everything()
    await mira.write("Only there")
    await mira.has_sent_everything()
    assert await mira.texts() == ["Only there"]
    await ada.shows_online(1)


async def test_lines_of_one_author_share_a_heading(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    mira = await people.guest("Mira", room=room)
    await ada.write("One", "Two")
    await mira.sees("Two")
    await mira.write("Three")
    await ada.sees("Three")
    headings = ada.page.locator(".message:not(.message--line, .message--continued)")
    await expect(headings).to_have_count(2)
    await expect(ada.page.locator(".message__day:not([hidden])")).to_have_text(["Today"])


async def test_a_room_renamed_by_its_keeper_changes_on_open_pages(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await site.call(f"rooms/{room}/", {"name": "Lighthouse", "topic": "Fog"}, method="PATCH")
    await expect(ada.page.get_by_role("heading", name="Lighthouse")).to_be_visible()
    await expect(ada.page.locator(".room__topic")).to_have_text("Fog")
    await expect(ada.page).to_have_title("Lighthouse · chatsite")
