"""How one comes in: as a guest, with an account, by a link to a room."""

import pytest
from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import PASSWORD, Site
from tests.browser.window import Window


async def join_as(window: Window, name: str) -> None:
    await window.page.get_by_label("Your name").fill(name)
    await window.page.get_by_role("button", name="Join").click()


async def sign_in(window: Window, login: str, password: str) -> None:
    await window.page.locator("[name=login]").fill(login)
    await window.page.locator("[name=password]").fill(password)
    await window.page.locator("main").get_by_role("button", name="Sign in").click()


async def test_a_guest_types_a_name_and_talks(people: People) -> None:
    ada = await people.nobody()
    await ada.go("/")
    await expect(ada.page.locator("#id_name")).to_be_focused()
    await join_as(ada, "Ada")
    await ada.page.wait_for_url("**/chat/general/")
    await ada.is_connected()
    await ada.write("Hello from the front page")
    await ada.has_sent_everything()
    await ada.sees("Hello from the front page")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("   ", "required"),
        ("Ada\u202etoor", "marks of direction"),
        ("\u200b\u200d", "something to see"),
    ],
    ids=["blank", "bidi", "invisible"],
)
async def test_a_name_that_cannot_be_is_explained_beside_the_field(
    people: People, name: str, problem: str
) -> None:
    ada = await people.nobody()
    await ada.go("/")
    await join_as(ada, name)
    await expect(ada.page.get_by_role("alert")).to_contain_text(problem)
    field = ada.page.get_by_label("Your name")
    await expect(field).to_have_attribute("aria-invalid", "true")
    await expect(field).to_have_attribute("aria-describedby", "name-problem")
    await join_as(ada, "Ada")
    await ada.page.wait_for_url("**/chat/general/")


async def test_the_browser_itself_asks_for_a_missing_name(people: People) -> None:
    ada = await people.nobody()
    await ada.go("/")
    await join_as(ada, "")
    field = ada.page.get_by_label("Your name")
    assert await field.evaluate("field => field.validity.valueMissing")
    assert ada.page.url == f"{ada.address}/"
    await field.press_sequentially("x" * 60)
    await expect(field).to_have_value("x" * 50)


async def test_a_stranger_with_a_link_to_a_room_is_led_through_the_front_page(
    people: People,
) -> None:
    ada = await people.nobody()
    await ada.go("/chat/random/")
    await expect(ada.page).to_have_url(f"{ada.address}/?next=%2Fchat%2Frandom%2F")
    await join_as(ada, " \u200b ")
    await expect(ada.page.get_by_role("alert")).to_be_visible()
    await join_as(ada, "Ada")
    await ada.page.wait_for_url("**/chat/random/")
    await ada.is_connected()


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org/", "javascript:1"])
async def test_nobody_is_led_to_another_site(people: People, elsewhere: str) -> None:
    ada = await people.nobody()
    await ada.go(f"/?next={elsewhere}")
    await join_as(ada, "Ada")
    await ada.page.wait_for_url("**/chat/general/")


async def test_signing_up_out_and_in_again(people: People, site: Site) -> None:
    name = site.unique("mira").replace(" ", "-")
    mira = await people.nobody()
    await mira.go("/")
    await mira.page.get_by_role("main").get_by_role("link", name="sign up").click()
    await mira.page.locator("[name=username]").fill(name)
    for field in ("password1", "password2"):
        await mira.page.locator(f"[name={field}]").fill("a-horse-and-a-staple")
    await mira.page.get_by_role("button", name="Create the account").click()
    await expect(mira.page.get_by_role("heading", name="Rooms", level=1)).to_be_visible()
    await expect(mira.page.locator(".page__you")).to_have_text(name)
    await mira.page.get_by_role("button", name="Sign out").click()
    await expect(mira.page.get_by_label("Your name")).to_be_visible()
    await mira.go("/notifications/")
    await sign_in(mira, name, "not-the-password")
    await expect(mira.page.get_by_role("main")).to_contain_text("not correct")
    await sign_in(mira, name, "a-horse-and-a-staple")
    await expect(mira.page).to_have_url(f"{mira.address}/notifications/")


async def test_a_sign_up_that_fails_says_why_at_its_field(people: People) -> None:
    nobody = await people.nobody()
    await nobody.go("/accounts/signup/")
    await nobody.page.locator("[name=username]").fill("ada")
    await nobody.page.locator("[name=password1]").fill("12345678")
    await nobody.page.locator("[name=password2]").fill("12345679")
    await nobody.page.get_by_role("button", name="Create the account").click()
    problems = nobody.page.locator(".field__problem")
    await expect(problems.filter(has_text="already")).to_be_visible()
    await expect(problems.nth(1)).to_be_visible()


async def test_a_guest_can_make_an_account(people: People, site: Site, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.go("/")
    await ada.page.get_by_role("main").get_by_role("link", name="Sign up").click()
    await expect(ada.page.get_by_role("heading", name="Sign up")).to_be_visible()


async def test_the_demo_account_comes_in(people: People) -> None:
    ada = await people.nobody()
    await ada.go("/accounts/login/?next=/chat/general/")
    await sign_in(ada, "ada", PASSWORD)
    await ada.page.wait_for_url("**/chat/general/")
    await ada.is_connected()


async def test_a_private_room_is_not_there_for_those_outside(people: People, site: Site) -> None:
    private = await site.room("Cellar", visibility="private", open_to_guests=False)
    ada = await people.account("ada")
    for slug in (private, "no-such-room"):
        answer = await ada.page.goto(f"{ada.address}/chat/{slug}/")
        assert answer
        assert answer.status == 404
    await ada.go("/")
    await expect(ada.page.get_by_role("link", name="General")).to_be_visible()
    await expect(ada.page.get_by_role("link", name="Cellar")).to_have_count(0)


async def test_a_room_that_is_closed_to_guests_is_not_there_for_them(
    people: People, site: Site
) -> None:
    closed = await site.room("Staffroom", open_to_guests=False)
    ada = await people.guest("Ada")
    answer = await ada.page.goto(f"{ada.address}/chat/{closed}/")
    assert answer
    assert answer.status == 404


async def test_an_account_makes_a_room_and_others_find_it(people: People, site: Site) -> None:
    ada = await people.account("ada")
    name = site.unique("Deploys")
    await ada.go("/")
    await ada.page.get_by_label("Name").fill(name)
    await ada.page.get_by_role("button", name="Create the room").click()
    await ada.is_connected()
    mira = await people.account("mira")
    await mira.go("/")
    await mira.page.get_by_role("link", name=name).click()
    await mira.is_connected()
    await ada.shows_online(2)
