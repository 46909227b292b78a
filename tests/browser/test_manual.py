"""The script that the manual prints, run as it stands on a page of the site."""

import re
from pathlib import Path

from tests.browser.people import People

ROOT = Path(__file__).parents[2]


async def test_the_script_of_the_manual_hears_what_it_says(people: People) -> None:
    (source,) = re.findall(r"```js\n(.*?)```", (ROOT / "docs/protocol.md").read_text(), re.DOTALL)
    ada = await people.guest("Ada")
    await ada.go("/")
    heard = """frames => frames.includes("sent") && frames.includes("message")"""
    await ada.page.evaluate(
        f"""() => {{
            window.frames_ = [];
            const log = console.log;
            console.log = frame => {{ window.frames_.push(frame.type); log(frame); }};
            {source}
        }}"""
    )
    await ada.page.wait_for_function(f"() => ({heard})(window.frames_)")
