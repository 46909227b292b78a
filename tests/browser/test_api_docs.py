"""The description of the API, for people."""

from playwright.async_api import expect

from tests.browser.people import People


async def test_anyone_can_read_what_the_api_offers(people: People) -> None:
    nobody = await people.nobody()
    await nobody.go("/api/docs/")
    await expect(nobody.page.locator(".opblock-summary-path").first).to_be_visible()
    await expect(nobody.page.locator("[data-path='/api/guest/']").first).to_be_visible()
