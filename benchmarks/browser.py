"""A browser in front of the site: Debian's Chromium, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.process import Server


@contextmanager
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        raise RuntimeError("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def come_in(browser: Browser, server: Server, room: str, name: str) -> Page:
    """A guest's window on the room, in a context of its own, once it is connected."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"http://{server.host}/?next=/chat/{room}/")
    page.get_by_label("name").first.fill(name)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/chat/{room}/")
    page.wait_for_selector('.connection[data-state="connected"]', state="attached", timeout=20_000)
    return page
