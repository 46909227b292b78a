"""Light and dark: the same page, other tokens, readable in both."""

import pytest
from playwright.async_api import expect

from tests.browser.people import People
from tests.browser.site import Site

TEXT = 4.5  # WCAG AA
GRAPHIC = 3.0
PAIRS = [
    ("ink", "paper", TEXT),
    ("ink", "canvas", TEXT),
    ("ink", "raised", TEXT),
    ("ink", "hover", TEXT),
    ("ink", "linked", TEXT),
    ("ink", "danger-soft", TEXT),
    ("ink-soft", "paper", TEXT),
    ("ink-soft", "canvas", TEXT),
    ("ink-soft", "raised", TEXT),
    ("accent", "paper", TEXT),
    ("accent", "raised", TEXT),
    ("accent-strong", "paper", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-unread", "unread", TEXT),
    ("unread", "paper", TEXT),
    ("danger", "paper", TEXT),
    ("danger", "danger-soft", TEXT),
    ("field", "paper", GRAPHIC),
    ("good", "paper", GRAPHIC),
    ("waiting", "paper", GRAPHIC),
]
# Through a pixel: the browser's own reading of whatever notation a token has.
PIXELS = """(names) => {
  const style = getComputedStyle(document.documentElement);
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  return Object.fromEntries(names.map((name) => {
    canvas.fillStyle = style.getPropertyValue(`--color-${name}`);
    canvas.fillRect(0, 0, 1, 1);
    return [name, [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)];
  }));
}"""


def luminance(colour: list[int]) -> float:
    parts = [value / 255 for value in colour]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[int], other: list[int]) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_pair_of_colours_is_readable(people: People, scheme: str) -> None:
    nobody = await people.nobody(color_scheme=scheme)
    await nobody.go("/")
    names = sorted({name for pair in PAIRS for name in pair[:2]})
    pixels = await nobody.page.evaluate(PIXELS, names)
    poor = {
        f"{ink} on {paper}": round(contrast(pixels[ink], pixels[paper]), 2)
        for ink, paper, least in PAIRS
        if contrast(pixels[ink], pixels[paper]) < least
    }
    assert poor == {}


async def test_the_room_follows_the_systems_choice_while_open(
    people: People, site: Site, room: str
) -> None:
    ada = await people.guest("Ada", room=room)
    background = "luma => getComputedStyle(document.body).backgroundColor"
    light = await ada.page.evaluate(background)
    await ada.page.emulate_media(color_scheme="dark")
    dark = await ada.page.evaluate(background)
    assert light != dark
    channels = [int(part) for part in dark.removeprefix("rgb(").removesuffix(")").split(",")]
    assert max(channels) < 60
    await expect(ada.composer).to_be_visible()
