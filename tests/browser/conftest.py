"""One server and one browser for all browser tests; a fresh context for every person."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Playwright, async_playwright

from tests.browser.people import People
from tests.browser.server import ROOT, Server
from tests.browser.site import Site
from tests.browser.window import PATIENCE_S

PICTURES = ROOT / "var" / "browser"
# The first three: Chromium draws two pages for the address bar of every window, seen or not, and
# they cost more than ours. The others Playwright asks for itself; the last such flag wins.
UNWANTED = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "AimEnabled",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
]
CHROMIUM = [
    f"--disable-features={','.join(UNWANTED)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-gpu-compositing",
    "--disable-software-rasterizer",
    "--in-process-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HERE = Path(__file__).parent
# Whoever is refused leaves a warning with a traceback; that is Django's way, and no trouble.
TROUBLE = re.compile(r"^\S+ \[(error|critical) *\]|^Unhandled|^Exception ignored", re.MULTILINE)
FAILED = pytest.StashKey[bool]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser belongs to one event loop, and so do the tests that drive it."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture
def engine() -> None:
    """The engine under test is in the server process, not in this one."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("site"))
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as playwright:
        yield playwright


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser(playwright: Playwright) -> AsyncIterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    browser = await playwright.chromium.launch(
        executable_path=path, args=CHROMIUM, timeout=2 * PATIENCE_S * 1_000
    )
    yield browser
    await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def site(server: Server, playwright: Playwright) -> AsyncIterator[Site]:
    api = await playwright.request.new_context(timeout=PATIENCE_S * 1_000)
    site = Site(api=api, address=server.address)
    await site.sign_in()
    yield site
    await api.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def people(
    browser: Browser, site: Site, server: Server, request: pytest.FixtureRequest
) -> AsyncIterator[People]:
    """After each test: no page had an error of its own, and the server has logged none."""
    logged = server.log.stat().st_size
    people = People(browser=browser, site=site)
    yield people
    if request.node.stash.get(FAILED, False):
        await _picture(people, request.node.name)
    problems = [problem for window in people.windows for problem in window.problems]
    await asyncio.gather(*(window.context.close() for window in people.windows))
    assert not problems
    trouble = TROUBLE.search(server.log.read_text(), logged)
    assert not trouble, trouble.string[trouble.start() : trouble.start() + 3_000]


@pytest_asyncio.fixture(loop_scope="session")
async def room(site: Site) -> str:
    return await site.room()


async def _picture(people: People, test: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^\w-]+", "-", test)
    for number, window in enumerate(people.windows):
        for tab, page in enumerate(window.context.pages):
            await page.screenshot(path=PICTURES / f"{name}-{number}-{tab}.png")
