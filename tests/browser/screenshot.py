"""The README's picture: `python -m tests.browser.screenshot`.

A server of its own, three people who talk, one window at 1280 x 800 in the light theme.
"""

import asyncio
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from playwright.async_api import Browser, async_playwright, expect

from tests.browser.conftest import CHROMIUM
from tests.browser.people import People
from tests.browser.server import ROOT, Server
from tests.browser.site import Site
from tests.browser.window import Window

PICTURE = ROOT / "docs" / "images" / "room.png"
ROOMS = [
    ("Deploys", "What went out, and when"),
    ("Design", "Screens, words and colours"),
    ("Support", "What customers ask"),
]
PEOPLE = ["Ida", "Mira", "Jonas"]
BEFORE = ["Morning, everyone", "Is anybody at the office already?"]
CODE = """```python
notify(to=order.user, kind="order-shipped", title="Order shipped",
       message=f"Order {order.reference} is on its way.")
```"""
TALK = [
    ("Ida", "Good morning! Coffee is on."),
    ("Jonas", "On my way, ten minutes."),
    ("Ida", "How did the release go?"),
    ("Mira", "**4.2** went out last night, in all three regions."),
    ("Mira", "After the restart everyone was back within two seconds. No message was lost."),
    ("Jonas", "I was on the train the whole time, in and out of tunnels."),
    ("Jonas", "What I had typed went out when the signal came back: once, and in order."),
    ("Ida", "That is what the outbox is for. Did the bell stay right on your phone?"),
    ("Jonas", "Yes, it dropped to zero the moment I read it on the laptop."),
    ("Mira", f"For the shop: shipping an order rings its owner's bell in one call now.\n\n{CODE}"),
    ("Ida", "Lovely. I will move *support* over to it this afternoon."),
    ("Jonas", "Count me in, I have the tickets open: https://example.org/board/12"),
]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        server.prepare()
        server.start()
        try:
            await picture(server)
        finally:
            server.stop()


async def picture(server: Server) -> None:
    async with async_playwright() as playwright:
        path = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=CHROMIUM)
        site = Site(api=await playwright.request.new_context(), address=server.address)
        await site.sign_in()
        window = await scene(browser, site)
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_bytes(compressed(await window.page.screenshot(animations="disabled")))
        await browser.close()


async def scene(browser: Browser, site: Site) -> Window:
    people = People(browser=browser, site=site)
    for name, topic in ROOMS:
        await site.call("rooms/", {"name": name, "topic": topic, "open_to_guests": True})
    windows = {name: await come_in(people, name) for name in PEOPLE}
    ida = windows["Ida"]
    await ida.shows_online(len(windows))
    await site.say("random", BEFORE)
    for name, text in TALK:
        await windows[name].write(text)
        await windows[name].has_sent_everything()
        await expect(ida.bodies).to_have_count(TALK.index((name, text)) + 1)
    await ring(ida, site)
    # Slowly: the server passes on one typing in two seconds, and she has just written.
    await windows["Mira"].composer.press_sequentially("Me too, after", delay=250)
    await expect(ida.page.locator(".typing")).to_have_text("Mira is typing…")
    return ida


async def come_in(people: People, name: str) -> Window:
    window = await people.nobody(color_scheme="light", locale="en-GB")
    secret = f"{name}-correct-horse"
    fields = {"username": name, "password1": secret, "password2": secret}
    assert (await window.post("/accounts/signup/", fields)).status == 302
    for room in ("general", "random"):
        await window.post(f"/chat/{room}/join/")
    await window.enter("general")
    return window


async def ring(window: Window, site: Site) -> None:
    await site.notify(to=(await window.you())["id"], title="Order shipped")
    await window.shows_unread(1)
    await window.page.get_by_role("button", name="Dismiss").click()
    await window.page.mouse.move(640, 30)


def compressed(png: bytes) -> bytes:
    """The same pixels; the browser itself packs for speed."""
    pieces = list(chunks(png))
    pixels = zlib.decompress(b"".join(data for kind, data in pieces if kind == b"IDAT"))
    head, tail = pieces[0], pieces[-1]
    return png[:8] + b"".join(map(packed, (head, (b"IDAT", zlib.compress(pixels, 9)), tail)))


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += length + 12


def packed(chunk: tuple[bytes, bytes]) -> bytes:
    body = b"".join(chunk)
    return struct.pack(">I", len(chunk[1])) + body + struct.pack(">I", zlib.crc32(body))


if __name__ == "__main__":
    asyncio.run(main())
