"""What people write is shown, and never runs."""

import pytest
from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import Site

RUN = "window.pwned=1;alert(1)"
TEXTS = [
    f"<script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f'<iframe src="javascript:{RUN}"></iframe>',
    f'<iframe srcdoc="<script>parent.{RUN}</script>"></iframe>',
    f"<body onload={RUN}>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f'<a href="javascript:{RUN}">click</a>',
    f"<math><mtext></mtext><mglyph><style><img src=x onerror={RUN}></style></mglyph></math>",
    f'<noscript><p title="</noscript><img src=x onerror={RUN}>">',
    f"<form action=javascript:{RUN}><button>x</button></form>",
    f'<object data="javascript:{RUN}"></object>',
    f'<embed src="javascript:{RUN}">',
    f'<base href="javascript:{RUN}//">',
    f'<meta http-equiv=refresh content="0;url=javascript:{RUN}">',
    "<link rel=stylesheet href=//example.org/x.css>",
    "<style>*{background:url(//example.org/x)}</style>",
    "<template><b>x</b></template></template>",
    f'"><script>{RUN}</script>',
    f"'-{RUN}-'",
    f"${{{RUN}}} {{{{constructor.constructor('{RUN}')()}}}} <% {RUN} %>",
    f"[click](javascript:{RUN})",
    f"[click](JaVaScRiPt:{RUN})",
    f"[click](&#106;avascript:{RUN})",
    f"[click](java\tscript:{RUN})",
    f"[click](<javascript:{RUN}>)",
    "[click](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    f"[click](vbscript:{RUN})",
    f'[a](x "onmouseover={RUN}")',
    f'![x](x "onerror={RUN}")',
    "![x](https://example.org/pixel.png)",
    f"<javascript:{RUN}>",
    f"[x]: javascript:{RUN}\n\n[x]",
    f"```<img src=x onerror={RUN}>\n<img src=x onerror={RUN}>\n```",
    f"```html\n<script>{RUN}</script>\n```",
    f"`<script>{RUN}</script>`",
    f'https://example.org/"onmouseover={RUN}',
    f"| <img src=x onerror={RUN}> |\n|---|\n| <script>{RUN}</script> |",
    f"# <img src=x onerror={RUN}>",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    "</p></div></article></main><h1>Broken out</h1>",
    "<!--<script>--><p>x",
    "\u202eright to left\u2066 and back",
    "\ufeff\u200b<b>\u0001\u0007</b>",
    "a" * 3_000,
    "Z\u0351\u036b\u0343" * 400,
]
TAGS = (
    "a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre s span strong "
    "table tbody td th thead tr ul"
)
# What of a rendered message could do harm, were it there.
HARM = """(tags) => {
  const attributes = ["href", "title", "class", "start", "rel", "target"];
  const harm = window.pwned ? ["it ran"] : [];
  for (const node of document.querySelectorAll(".message__body *")) {
    const names = [...node.attributes].map(({ name }) => name);
    const known = tags.split(" ").includes(node.localName);
    const safe = !node.href || ["http:", "https:", "mailto:"].includes(node.protocol);
    const plain = names.every((name) => attributes.includes(name));
    if (!known || !safe || !plain) harm.push(node.outerHTML);
  }
  return harm;
}"""


async def test_html_and_markdown_in_messages_never_run(
    people: People, site: Site, room: str
) -> None:
    mallory = await people.guest("Mallory", room=room)
    ada = await people.guest("Ada", room=room)
    asked: list[str] = []
    ada.page.on("request", lambda request: asked.append(request.url))
    await mallory.write(*TEXTS)
    await mallory.has_sent_everything()
    await ada.write("Still here")
    for window in (mallory, ada):
        await window.sees("Still here")
        assert await window.page.evaluate(HARM, TAGS) == []
    await ada.reload()
    await ada.sees("Still here")
    assert await ada.page.evaluate(HARM, TAGS) == []
    assert len(await site.messages(room)) == len(TEXTS) + 1
    assert not [url for url in asked if "example.org" in url]


async def test_nothing_in_a_message_widens_the_page(people: People, room: str) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.write(
        "a" * 3_000, "```\n" + "b" * 3_000 + "\n```", f"https://example.org/{'c' * 900}"
    )
    await ada.has_sent_everything()
    width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await ada.page.evaluate(width) == 0
    scroller = ada.page.locator(".messages")
    assert await scroller.evaluate("box => box.scrollWidth - box.clientWidth") == 0


async def test_names_of_people_and_rooms_are_only_text(people: People, site: Site) -> None:
    bad = "<img src=x onerror=window.pwned=1>"
    room = await site.room(bad, topic=f"</script>{bad}")
    mallory = await people.guest(bad, room=room)
    ada = await people.guest("Ada", room=room)
    await mallory.write("Hello")
    await ada.sees("Hello")
    await ada.shows_online(2)
    await expect(ada.page.locator(".message__author")).to_have_text(bad)
    await mallory.rename(bad.replace("img", "svg"))
    await ada.page.get_by_text("is now known as").wait_for()
    await ada.type("@<")
    await expect(ada.page.get_by_role("option")).to_have_count(1)
    await ada.page.keyboard.press("Escape")
    await ada.page.keyboard.press("Control+k")
    await ada.page.get_by_role("combobox", name="Room").fill("<img")
    await expect(ada.page.get_by_role("option").first).to_contain_text("<img")
    for window in (ada, mallory):
        assert await window.page.locator("img[src=x], svg[src=x]").count() == 0
        assert await window.page.evaluate("window.pwned === undefined")


@pytest.mark.parametrize(
    "address", ["javascript:window.pwned=1", "data:text/html,<script>1</script>"]
)
async def test_a_notification_leads_nowhere_harmful(
    people: People, site: Site, room: str, address: str
) -> None:
    ada = await people.guest("Ada", room=room)
    await ada.page.route(
        "**/api/notifications/",
        lambda route: route.fulfill(
            json={
                "next": None,
                "previous": None,
                "results": [
                    {
                        "id": "1",
                        "seq": 1,
                        "kind": "generic",
                        "title": "<b>Look</b>",
                        "message": "<img src=x onerror=window.pwned=1>",
                        "action_url": address,
                        "data": {},
                        "timestamp": "2026-01-01T00:00:00Z",
                        "read": False,
                    }
                ],
            }
        ),
    )
    await ada.page.locator(".bell__button").click()
    title = ada.page.locator(".bell__popover .notification__title")
    await expect(title).to_have_text("<b>Look</b> (unread)")
    assert await title.locator("a").count() == 0
    assert await ada.page.locator("img[src=x]").count() == 0
