"""Who comes to the site in a test, each with a browser of their own."""

from typing import Any

from playwright.async_api import Browser

from tests.browser.site import PASSWORD, Site
from tests.browser.window import PATIENCE_S, Window

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


class People:
    def __init__(self, *, browser: Browser, site: Site) -> None:
        self.windows: list[Window] = []
        self._browser = browser
        self._site = site

    async def nobody(self, **options: Any) -> Window:
        """Somebody who has not said who they are."""
        context = await self._browser.new_context(**{**DESKTOP, **options})
        context.set_default_timeout(PATIENCE_S * 1_000)
        window = Window(page=await context.new_page(), address=self._site.address)
        self.windows.append(window)
        return window

    async def guest(self, name: str, *, room: str | None = None, **options: Any) -> Window:
        window = await self.nobody(**options)
        answer = await window.post("/", {"name": name, "next": "/"})
        assert answer.status == 302, await answer.text()
        return await self._placed(window, room)

    async def account(self, word: str, *, room: str | None = None, **options: Any) -> Window:
        """A new account; its name is the word and a number."""
        window = await self.nobody(**options)
        username = self._site.unique(word).replace(" ", "-")
        secret = f"{username}-correct-horse"
        fields = {"username": username, "password1": secret, "password2": secret}
        answer = await window.post("/accounts/signup/", fields)
        assert answer.status == 302, await answer.text()
        return await self._placed(window, room)

    async def staff(self, **options: Any) -> Window:
        window = await self.nobody(**options)
        answer = await window.post("/accounts/login/", {"login": "staff", "password": PASSWORD})
        assert answer.status == 302, await answer.text()
        return window

    async def _placed(self, window: Window, room: str | None) -> Window:
        if room:
            await window.enter(room)
        return window
