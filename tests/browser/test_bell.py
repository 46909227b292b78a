"""An order ships, and its owner's open pages hear of it."""

from playwright.async_api import Locator, expect

from tests.browser.people import People
from tests.browser.site import Site
from tests.browser.window import Window


async def ship(staff: Window, reference: str) -> None:
    await staff.page.get_by_role("button", name=f"Ship order {reference}").click()
    await expect(staff.page.get_by_role("status").get_by_text(f"Order {reference}")).to_be_visible()


async def open_bell(window: Window) -> Locator:
    await window.page.locator(".bell__button").click()
    popover = window.page.get_by_role("dialog", name="Notifications")
    await expect(popover).to_be_visible()
    return popover


async def test_shipping_an_order_rings_in_every_tab_of_its_owner(
    people: People, site: Site, room: str
) -> None:
    owner = await people.account("owner")
    await owner.stop_the_clock()
    await owner.enter(room)
    tab = await owner.another_tab()
    await tab.go("/")
    await tab.bell_hears()
    reference = site.unique("A")
    name = (await owner.you())["name"]
    staff = await people.staff()
    await staff.go("/orders/")
    await staff.page.get_by_label("For", exact=True).select_option(label=name)
    await staff.page.get_by_label("Reference", exact=True).fill(reference)
    await staff.page.get_by_role("button", name="Create", exact=True).click()
    await staff.page.get_by_label(f"Tracking number of order {reference}").fill("TRACK-7")
    await ship(staff, reference)
    row = staff.page.get_by_role("row").filter(has_text=reference)
    await expect(row).to_contain_text("Shipped")
    await expect(row).to_contain_text("TRACK-7")
    for window in (owner, tab):
        await expect(window.page.locator(".toast")).to_contain_text("Order shipped")
        await expect(window.page.locator(".toast")).to_contain_text(reference)
        await window.shows_unread(1)
    await owner.page.clock.resume()
    await expect(owner.page.get_by_role("button", name="Notifications, 1 unread")).to_be_visible()
    popover = await open_bell(owner)
    await popover.get_by_role("button", name="Mark as read: Order shipped").click()
    await owner.shows_unread(0)
    await tab.shows_unread(0)


async def test_an_order_ships_once_though_two_of_the_staff_ship_it(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner", room=room)
    reference = site.unique("B")
    await site.order(owner=(await owner.you())["id"], reference=reference)
    first = await people.staff()
    second = await first.another_tab()
    for window in (first, second):
        await window.go("/orders/")
    await ship(first, reference)
    await second.page.get_by_role("button", name=f"Ship order {reference}").click()
    await expect(second.page.get_by_role("status")).to_contain_text(["shipped before"])
    await owner.shows_unread(1)


async def test_what_arrived_while_away_is_there_on_return(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner", room=room)
    you = (await owner.you())["id"]
    await owner.page.close()
    for word in ("First", "Second"):
        await site.notify(to=you, title=word)
    tab = await owner.another_tab()
    await tab.enter(room)
    await tab.shows_unread(2)
    popover = await open_bell(tab)
    await expect(popover.locator(".notification__title")).to_have_text(
        ["Second (unread)", "First (unread)"]
    )


async def test_what_arrived_while_offline_rings_on_return(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner")
    await owner.stop_the_clock()
    await owner.enter(room)
    await owner.context.set_offline(True)
    await owner.shows_state("offline")
    await site.notify(to=(await owner.you())["id"], title="Missed")
    await owner.context.set_offline(False)
    await owner.shows_unread(1)
    await expect(owner.page.locator(".toast")).to_contain_text("Missed")


async def test_marking_all_read_and_one_unread_again_is_the_same_everywhere(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner", room=room)
    tab = await owner.another_tab()
    await tab.go("/notifications/")
    await tab.bell_hears()
    for word in ("First", "Second", "Third"):
        await site.notify(to=(await owner.you())["id"], title=word)
    await owner.shows_unread(3)
    inbox = tab.page.locator(".inbox")
    await expect(inbox.locator(".notification--unread")).to_have_count(3)
    await inbox.get_by_role("button", name="Mark all read").press("Enter")
    await expect(inbox.get_by_role("tab", name="All")).to_be_focused()
    await owner.shows_unread(0)
    await tab.shows_unread(0)
    await inbox.get_by_role("button", name="Mark as unread: Second").click()
    await owner.shows_unread(1)
    await inbox.get_by_role("tab", name="Unread").click()
    await expect(inbox.locator(".notification__title")).to_have_text(["Second (unread)"])
    await tab.page.reload()
    await tab.shows_unread(1)


async def test_a_click_is_not_lost_when_another_notification_changes_meanwhile(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner", room=room)
    you = (await owner.you())["id"]
    tab = await owner.another_tab()
    for window in (owner, tab):
        await window.go("/notifications/")
        await window.bell_hears()
    for word in ("First", "Second"):
        await site.notify(to=you, title=word)
    inbox = owner.page.locator(".inbox")
    await inbox.get_by_role("button", name="Mark as read: First").hover()
    await owner.page.mouse.down()
    await tab.page.locator(".inbox").get_by_role("button", name="Mark as read: Second").click()
    await owner.shows_unread(1)
    await owner.page.mouse.up()
    await owner.shows_unread(0)


async def test_a_notification_leads_where_it_says_and_is_read_by_that(
    people: People, site: Site, room: str
) -> None:
    owner = await people.guest("Owner", room=room)
    other = await site.room("Warehouse")
    await site.notify(to=(await owner.you())["id"], title="Look", action_url=f"/chat/{other}/")
    await owner.shows_unread(1)
    popover = await open_bell(owner)
    await popover.get_by_role("link", name="Look").click()
    await owner.page.wait_for_url(f"**/chat/{other}/")
    await owner.is_connected()
    await owner.shows_unread(0)


async def test_the_bell_of_others_stays_silent(people: People, site: Site, room: str) -> None:
    owner = await people.guest("Owner", room=room)
    stranger = await people.guest("Stranger", room=room)
    await site.notify(to=(await owner.you())["id"], title="Yours")
    await owner.shows_unread(1)
    await stranger.shows_unread(0)
    await stranger.reload()
    await stranger.shows_unread(0)


async def test_orders_are_for_staff(people: People) -> None:
    guest = await people.guest("Ada")
    answer = await guest.page.goto(f"{guest.address}/orders/")
    assert answer
    assert answer.status == 403
    await expect(guest.page.get_by_role("heading", name="Not allowed")).to_be_visible()
    nobody = await people.nobody()
    await nobody.go("/orders/")
    await expect(nobody.page).to_have_url(f"{nobody.address}/accounts/login/?next=/orders/")
