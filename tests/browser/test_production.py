"""The site as it is deployed: DEBUG off, hashed static files."""

import re
from collections.abc import Iterator

import pytest
from playwright.async_api import Browser, Playwright, Response, expect

from tests.browser.people import People
from tests.browser.server import Server
from tests.browser.site import Site

HASHED = re.compile(r"\.[0-9a-f]{12}\.(js|css|svg)$")
OTHERS = ["admin", "drf_spectacular_sidecar", "rest_framework"]
WEIGHT = 60 * 1024  # bytes of JS and CSS of a room page, compressed


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("deployed")
    (folder / "static").mkdir()
    server = Server(
        folder,
        DJANGO_SETTINGS_MODULE="tests.browser.production",
        STATIC_ROOT=str(folder / "static"),
        SECRET_KEY="x" * 30 + "0123456789abcdefghijklmnop",
        HTTPS="off",
    )
    # Compressing what others wrote takes a minute, and no page here asks for it.
    others = [part for name in OTHERS for part in ("--ignore", name)]
    server.manage("collectstatic", "--noinput", "--verbosity", "0", *others)
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def visitors(browser: Browser, playwright: Playwright, deployed: Server) -> People:
    api = playwright.request
    return People(browser=browser, site=Site(api=api, address=deployed.address))  # type: ignore[arg-type]


async def test_a_room_works_on_hashed_modules_within_its_weight(visitors: People) -> None:
    ada = await visitors.guest("Ada")
    answers: list[Response] = []
    ada.page.on("response", lambda answer: answers.append(answer))
    await ada.enter("general")
    await ada.write("Hello **there**")
    await ada.has_sent_everything()
    await expect(ada.page.locator(".message__body strong")).to_have_text("there")
    static = [answer for answer in answers if "/static/" in answer.url]
    assert [answer.url for answer in answers if answer.status >= 400] == []
    assert [answer.url for answer in static if not HASHED.search(answer.url)] == []
    weight = 0
    for answer in static:
        assert "immutable" in str(await answer.header_value("cache-control"))
        if answer.url.endswith(("js", "css")):
            weight += (await answer.request.sizes())["responseBodySize"]
    assert 0 < weight <= WEIGHT
    assert ada.problems == []
    await ada.context.close()


async def test_what_is_not_there_is_said_in_a_page_of_ours(visitors: People) -> None:
    ada = await visitors.guest("Ada")
    pages = []
    for path in ("/nothing/", "/chat/no-such-room/"):
        answer = await ada.page.goto(ada.address + path)
        assert answer
        assert answer.status == 404
        await expect(ada.page.get_by_role("heading", name="Nothing here")).to_be_visible()
        pages.append(await ada.page.get_by_role("main").inner_html())
    assert pages[0] == pages[1]
    await ada.page.get_by_role("link", name="To the rooms").click()
    await expect(ada.page.get_by_role("heading", name="Rooms", level=1)).to_be_visible()
    assert ada.problems == []
    await ada.context.close()


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/accounts/signup/"])
async def test_pages_before_signing_in_keep_the_policy(visitors: People, path: str) -> None:
    nobody = await visitors.nobody()
    answer = await nobody.page.goto(nobody.address + path, wait_until="networkidle")
    assert answer
    assert answer.ok
    assert nobody.problems == []
    await nobody.context.close()
