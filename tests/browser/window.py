"""One browser window and the person in front of it."""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Frame,
    Locator,
    Page,
    WebSocket,
    expect,
)

PATIENCE_S = 60  # for an event; what never comes is a failure however long it is awaited
expect.set_options(timeout=PATIENCE_S * 1_000)

# The states of what was not sent, as a page that opens next finds them.
KEPT = """() => new Promise((resolve, reject) => {
  const opening = indexedDB.open("chatsite");
  opening.onerror = () => reject(opening.error);
  opening.onsuccess = () => {
    const asking = opening.result.transaction("outbox").objectStore("outbox").getAll();
    asking.onsuccess = () => {
      opening.result.close();
      resolve(asking.result.map(({ state }) => state));
    };
  };
})"""
DRAWN = "new Promise((resolve) => requestAnimationFrame(resolve))"


class Window:
    """What a person does and sees; `page` is there for the rest.

    `problems` collects what must never happen on any page: uncaught errors, dialogs, violations
    of the content security policy.
    """

    def __init__(self, *, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("dialog", self._dismiss)
        page.on("console", self._heard)
        page.on("framenavigated", self._navigated)
        page.on("websocket", self._opened)
        self._bell = asyncio.Event()

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    # --- doing ---

    async def go(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def enter(self, room: str) -> None:
        await self.go(f"/chat/{room}/")
        await self.is_connected()
        await self.bell_hears()

    async def reload(self) -> None:
        await self.page.reload()
        await self.is_connected()
        await self.bell_hears()

    async def stop_the_clock(self) -> None:
        """On the pages that are opened next, until `page.clock.resume()`: what fades stays.

        Lists are not drawn meanwhile: what a frame or a click changes at once is seen.
        """
        now = time.time()
        await self.page.clock.install(time=now - 3_600)
        await self.page.clock.pause_at(now)

    async def another_tab(self) -> "Window":
        tab = Window(page=await self.context.new_page(), address=self.address)
        tab.problems = self.problems
        return tab

    async def type(self, text: str) -> None:
        await self.composer.press_sequentially(text)

    async def write(self, *texts: str) -> None:
        for text in texts:
            await self.composer.fill(text)
            await self.composer.press("Enter")

    async def rename(self, name: str) -> None:
        await self.page.locator(".you").get_by_role("button", name="Change name").click()
        await self.page.get_by_label("Name", exact=True).fill(name)
        await self.page.get_by_role("button", name="Change", exact=True).click()

    async def post(self, path: str, fields: dict[str, str] | None = None) -> Any:
        """A form of the site, sent with this person's cookies and without being drawn."""
        token = await self._csrf_token()
        return await self.context.request.post(
            self.address + path,
            form={"csrfmiddlewaretoken": token, **(fields or {})},
            headers={"Referer": f"{self.address}/"},
            max_redirects=0,
        )

    # --- seeing ---

    @property
    def composer(self) -> Locator:
        return self.page.locator("#composer-text")

    @property
    def bodies(self) -> Locator:
        return self.page.locator(".message:not(.message--line) .message__body")

    @property
    def pending(self) -> Locator:
        return self.page.locator(".message--pending")

    @property
    def badge(self) -> Locator:
        return self.page.locator(".bell__badge")

    def message(self, text: str) -> Locator:
        return self.page.locator(".message", has=self.page.get_by_text(text, exact=True))

    async def is_connected(self) -> None:
        await self.shows_state("connected")

    async def shows_state(self, state: str) -> None:
        connection = self.page.locator(".connection")
        await expect(connection).to_have_attribute("data-state", state)

    async def bell_hears(self) -> None:
        """Of what happens from now on, the page that was just opened hears at once."""
        async with asyncio.timeout(PATIENCE_S):
            await self._bell.wait()

    async def sees(self, *texts: str, count: int = 1) -> None:
        for text in texts:
            await expect(self.message(text)).to_have_count(count)

    async def shows_online(self, count: int) -> None:
        await expect(self.page.locator(".room__online")).to_have_text(f"{count} online")

    async def shows_unread(self, count: int) -> None:
        if count:
            await expect(self.badge).to_have_text(str(count))
        else:
            await expect(self.badge).to_be_hidden()

    async def has_sent_everything(self) -> None:
        """All that was written stands in the log as the server has it, and in its final rows."""
        await self.page.evaluate(DRAWN)
        await expect(self.page.locator(".message[data-client-id]")).to_have_count(0)

    async def keeps(self, *states: str) -> None:
        """What was not sent is stored: it outlives this page."""

        async def stored() -> bool:
            return bool(await self.page.evaluate(KEPT) == list(states))

        await until(stored, f"kept: {states}")

    async def texts(self) -> list[str]:
        return await self.bodies.all_inner_texts()

    async def you(self) -> dict[str, Any]:
        return dict(
            await self.page.evaluate(
                "JSON.parse(document.getElementById('room-data').textContent).you"
            )
        )

    async def focused(self) -> str:
        """The id, or else the class, of what has the focus."""
        return str(
            await self.page.evaluate(
                "document.activeElement.id || document.activeElement.className"
            )
        )

    async def until(self, expression: str, argument: Any = None) -> Any:
        """The page's policy forbids the eval that Playwright's own wait_for_function needs."""
        return await until(lambda: self.page.evaluate(expression, argument), expression)

    # Cookie and field have to be equal, whoever made them up: this spares a page.
    async def _csrf_token(self) -> str:
        cookies = {item["name"]: item["value"] for item in await self.context.cookies()}
        if "csrftoken" not in cookies:
            cookies["csrftoken"] = secrets.token_hex(16)
            cookie = {"name": "csrftoken", "value": cookies["csrftoken"], "url": self.address}
            await self.context.add_cookies([cookie])
        return cookies["csrftoken"]

    def _navigated(self, frame: Frame) -> None:
        if frame == self.page.main_frame:
            self._bell = asyncio.Event()

    def _opened(self, socket: WebSocket) -> None:
        if "/ws/notifications/" in socket.url:
            bell = self._bell
            socket.on("framereceived", lambda _: bell.set())

    # --- never ---

    async def _dismiss(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _heard(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.problems.append(f"policy: {message.text}")


async def until(ask: Callable[[], Any], what: str = "") -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := await ask()):
        assert time.monotonic() < deadline, f"never: {what}"
        await asyncio.sleep(0.02)
    return answer
