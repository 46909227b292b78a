"""Hundreds of hostile texts, stored wherever people may put words, shown in a real browser.

On a production site, whose policy is on: no text runs, asks another site for anything, or even
leaves a trace for the policy to stop.
"""

import asyncio
import json
from collections.abc import Iterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, expect
from websockets.asyncio.client import connect

from tests.browser.payloads import PAYLOADS
from tests.browser.people import People
from tests.browser.server import Server
from tests.browser.site import SAYING_S, Site
from tests.browser.stored import A_PAGE, PASSWORD, ROOMS
from tests.browser.window import PATIENCE_S, Window

# Before any script of the page, in each of its frames.
WATCH = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`Content Security Policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
# What a text could have become, were it not shown as text.
HARM = """() => {
  const harm = window.pwned ? ["it ran"] : [];
  const never = "iframe, object, embed, base, applet, form[action^='javascript'], math, marquee," +
    "img:not([src^='/static/']), svg script, body script[src*='evil'], style:not(head style)";
  for (const node of document.querySelectorAll(never)) harm.push(node.outerHTML);
  for (const node of document.querySelectorAll("body *")) {
    for (const { name, value } of node.attributes) {
      const address = ["href", "src", "action", "formaction", "xlink:href"].includes(name);
      const harmful = /^[\\x00-\\x20]*(?!https?:|mailto:)[a-z]+:/i.test(value);
      if (name.startsWith("on") || (address && harmful)) harm.push(node.outerHTML);
    }
  }
  return harm;
}"""
PAGES = ["/", "/notifications/", "/orders/", "/ops/", *(f"/chat/{slug}/" for slug in ROOMS)]
ADMIN = [
    f"/admin/{name}/"
    for name in ("accounts/user", "chat/room", "chat/membership", "notifications/notification")
]
LIVE = "room-0"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("filled")
    server = Server(
        folder,
        DJANGO_SETTINGS_MODULE="tests.unit.production",
        SECRET_KEY="for-these-tests-alone-0123456789-abcdefghij",
        HTTPS="off",
    )
    server.manage("migrate", "--verbosity", "0")
    server.manage("shell", "-c", "from tests.browser.stored import store; store()")
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def reader(browser: Browser, playwright: Playwright, filled: Server) -> Window:
    site = Site(api=playwright.request, address=filled.address)  # type: ignore[arg-type]
    window = await People(browser=browser, site=site).nobody()
    await window.context.add_init_script(WATCH)
    answer = await window.post("/accounts/login/", {"login": "reader", "password": PASSWORD})
    assert answer.status == 302
    return window


def asked_elsewhere(window: Window) -> list[str]:
    """Filled with what the window asks of other sites."""
    asked: list[str] = []

    def note(url: str) -> None:
        if not url.startswith((window.address, "data:", window.address.replace("http", "ws"))):
            asked.append(url)

    window.page.on("request", lambda request: note(request.url))
    window.page.on("websocket", lambda socket: note(socket.url))
    window.page.on("popup", lambda popup: note(popup.url))
    return asked


async def test_no_stored_text_runs_on_any_page(reader: Window) -> None:
    assert len(PAYLOADS) >= 200
    asked = asked_elsewhere(reader)
    for path in [*PAGES, *ADMIN]:
        answer = await reader.page.goto(reader.address + path)
        assert answer
        assert answer.status == 200, path
        assert "script-src 'self'" in str(await answer.header_value("content-security-policy"))
        if path.startswith("/chat/"):
            await reader.is_connected()
            before = ROOMS.index(path.split("/")[2]) * A_PAGE
            await expect(reader.bodies).to_have_count(min(A_PAGE, len(PAYLOADS) - before))
        assert await reader.page.evaluate(HARM) == [], path
        assert reader.page.url == reader.address + path
    assert (reader.problems, asked) == ([], [])
    await reader.context.close()


async def test_no_stored_text_runs_where_pages_look_again(reader: Window) -> None:
    """The bell, the people to mention, the rooms to jump to: drawn by our own scripts."""
    asked = asked_elsewhere(reader)
    await reader.enter(ROOMS[0])
    await reader.page.locator(".bell__button").click()
    titles = reader.page.locator(".bell__popover .notification__title")
    await expect(titles.first).to_be_visible()
    assert await reader.page.evaluate(HARM) == []
    await reader.page.keyboard.press("Escape")
    await reader.type("@<")
    await expect(reader.page.get_by_role("option").first).to_be_visible()
    await reader.page.keyboard.press("Escape")
    await reader.page.keyboard.press("Control+k")
    await reader.page.get_by_role("combobox", name="Room").fill("<")
    await expect(reader.page.get_by_role("option").first).to_be_visible()
    assert await reader.page.evaluate(HARM) == []
    assert (reader.problems, asked) == ([], [])
    await reader.context.close()


async def test_no_text_runs_that_comes_while_one_looks(
    reader: Window, playwright: Playwright, filled: Server
) -> None:
    """Messages, announcements and notifications, each payload once over the sockets."""
    asked = asked_elsewhere(reader)
    await reader.enter(LIVE)
    api = await playwright.request.new_context()
    given = await api.post(
        f"{filled.address}/api/token/", data={"username": "keeper", "password": PASSWORD}
    )
    headers = {"Authorization": f"Bearer {(await given.json())['access']}"}
    await api.dispose()
    address = filled.address.replace("http", "ws")
    messages = [{"type": "message", "text": text, "client_id": str(n)} for n, text in numbered()]
    await say(f"{address}/ws/chat/{LIVE}/", headers, messages, "sent")
    announcements = [{"type": "announce", "message": text} for _, text in numbered()]
    await say(f"{address}/ws/ops/", headers, announcements, "announced")
    await say(
        f"{address}/ws/chat/{LIVE}/",
        headers,
        [{"type": "message", "text": "That was all", "client_id": "end"}],
        "sent",
    )
    await reader.sees("That was all")
    await expect(reader.page.locator(".message--announcement").first).to_be_attached()
    assert await reader.page.evaluate(HARM) == []
    assert (reader.problems, asked) == ([], [])
    await reader.context.close()


def numbered() -> Iterator[tuple[int, str]]:
    return ((number, text) for number, text in enumerate(PAYLOADS) if text.strip())


async def say(url: str, headers: dict[str, str], frames: list[dict[str, str]], answer: str) -> None:
    async with connect(
        url, additional_headers=headers, max_queue=None, open_timeout=PATIENCE_S
    ) as socket:
        for frame in frames:
            await socket.send(json.dumps(frame))
        answered = 0
        async with asyncio.timeout(SAYING_S):
            while answered < len(frames):
                got = json.loads(await socket.recv())
                assert got["type"] != "error", got
                answered += got["type"] == answer
