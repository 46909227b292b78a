"""What a message's text becomes, whatever the text."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat import rendering
from chat.frames import MAX_TEXT
from chat.rendering import MAX_HTML, render
from tests.measured import assert_below


class Page(HTMLParser):
    """The elements of a rendering, as a browser would see them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


ALLOWED = {
    "a": {"href", "title", "rel", "target"},
    "code": {"class"},
    "span": {"class"},
    "ol": {"start"},
}
HARMLESS = {
    "blockquote", "br", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "pre",
    "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip


def assert_harmless(html: str) -> None:
    for tag, attributes in Page(html).elements:
        assert tag in HARMLESS | ALLOWED.keys(), tag
        assert attributes.keys() <= ALLOWED.get(tag, set()), (tag, attributes)
        # As a browser reads a URL: without blanks and controls.
        href = re.sub(r"[\x00-\x20]", "", attributes.get("href") or "").lower()
        if scheme := re.match(r"[a-z][a-z0-9+.-]*:", href):
            assert scheme.group() in {"http:", "https:", "mailto:"}, href


PAYLOADS = [
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example/x.js></ScRiPt>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x0c>alert(1)</script>",
    "<script/x>alert(1)</script>",
    "</code></pre><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(1)//",
    '<img src="x` `<script>alert(1)</script>"` `>',
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mi//xlink:href='javascript:alert(1)'>click",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<isindex action=javascript:alert(1)>",
    "<base href=javascript:alert(1)//>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css'</style>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<p class=message id=x onclick=alert(1)>x</p>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<textarea><script>alert(1)</script></textarea>",
    "<!--><img src=x onerror=alert(1)>-->",
    "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "<?xml-stylesheet href='javascript:alert(1)'?>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href='x' onmouseover=alert(1)>x</a>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](<java\nscript:alert(1)>)",
    "[x](\x01javascript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](javascript&#x3A;alert(1))",
    "[x](%6Aavascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](blob:https://evil.example/1)",
    "[x](view-source:javascript:alert(1))",
    '[x](https://a.example "onmouseover=alert(1)")',
    "[x](https://a.example '\" onmouseover=alert(1) x=\"')",
    '[x](https://a.example/"onmouseover="alert(1))',
    "[x][1]\n\n[1]: javascript:alert(1)",
    "<javascript:alert(1)>",
    "<data:text/html,x>",
    "javascript://evil.example/%0aalert(1)",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.gif)",
    '![x](x"onerror="alert(1))',
    "[![x](x)](javascript:alert(1))",
    '```"><script>alert(1)</script>\nx\n```',
    "```html\n<script>alert(1)</script>\n```",
    '```js" onclick="alert(1)\nx\n```',
    "`<script>alert(1)</script>`",
    "    <script>alert(1)</script>",
    "|<script>alert(1)</script>|\n|-|\n|<img src=x onerror=alert(1)>|",
    "# <img src=x onerror=alert(1)>",
    "> <svg onload=alert(1)>",
    "http://a.example/<script>alert(1)</script>",
    'http://a.example/"onmouseover="alert(1)',
    "http://a.example/'onmouseover='alert(1)",
    "mailto:a@b.example?body=<script>alert(1)</script>",
    "\u2028<script>alert(1)</script>",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "<scr\u0131pt>alert(1)</scr\u0131pt>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
]


@pytest.mark.parametrize("text", PAYLOADS)
def test_no_payload_becomes_a_script_a_handler_or_a_dangerous_url(text: str) -> None:
    assert_harmless(render(text))


_fragment = st.sampled_from([*PAYLOADS, "[", "](", ")", "`", "```", "<", ">", '"', "|", "\n", "*"])


@given(st.lists(_fragment | st.text(max_size=5), max_size=6))
def test_no_mixture_of_payloads_does_either(fragments: list[str]) -> None:
    assert_harmless(render("".join(fragments)))


def test_html_is_shown_as_the_text_that_it_is() -> None:
    assert render("<b>hi</b> & bye") == "<p>&lt;b&gt;hi&lt;/b&gt; &amp; bye</p>"


@pytest.mark.parametrize(
    "text", ["https://a.example", "[x](https://a.example)", "<https://a.example>", "[x](/here)"]
)
def test_a_link_opens_elsewhere_and_says_nothing_of_where_it_was(text: str) -> None:
    (link,) = [attributes for tag, attributes in Page(render(text)).elements if tag == "a"]
    assert link["target"] == "_blank"
    assert set((link["rel"] or "").split()) == {"noopener", "noreferrer", "nofollow"}


@pytest.mark.parametrize("text", ["![x](https://a.example/x.png)", "![x][1]\n\n[1]: /x.png"])
def test_an_image_is_never_fetched(text: str) -> None:
    assert "img" not in Page(render(text)).tags


def test_markdown_is_rendered() -> None:
    tags = Page(render("**a** *b* ~~c~~ `d`\ne\n\n> f\n\n- g\n\n1. h\n\n# i\n\n|j|\n|-|\n|k|")).tags
    assert {"strong", "em", "s", "code", "br", "blockquote", "ul", "ol", "h1", "table"} <= tags


def test_code_is_coloured_in_languages_that_are_known() -> None:
    assert '<span class="k">def</span>' in render("```py\ndef f(): pass\n```")
    assert "span" not in Page(render("```brainfuck\n+++\n```")).tags


def test_colours_end_with_what_a_message_may_spend_on_them() -> None:
    block = "```py\n" + "pass\n" * 500 + "```\n"
    assert render(block).count("<span") == render(block * 3).count("<span") > 0


# --- text that is made to be slow ---

WIDE = "|" + "a|" * 100 + "\n|" + "-|" * 100 + "\n"
PATHOLOGICAL = {
    "brackets": "[" * 8000,
    "links in links": "[a](" * 2000,
    "images in images": "![" * 4000,
    "quotes in quotes": ">" * 8000,
    "emphasis": "*a **a " * 1142,
    "alternating emphasis": "*_" * 4000,
    "runs of backticks": "".join("`" * n + " " for n in range(1, 125)),
    "a table of empty cells": WIDE + "|x\n" * 2500,
    "many wide tables": (WIDE + "|x\n" * 8 + "\n") * 18,
    "a table of short rows": "|a\n|-\n" + "|b\n" * 2600,
    "addresses": "a@b." * 2000,
    "links": "http://" * 1142,
    "brackets in a link": "http://a.example/" + "(" * 7900,
    "lists in lists": "\n".join(" " * (2 * n) + "- a" for n in range(85)),
    "a list": "* a\n" * 2000,
    "unclosed comments": "<!--" * 2000,
    "unclosed tags": "<a " * 2600,
    "references": "".join(f"[{n}]: /x\n" for n in range(700)),
    "entities": "&" * 8000,
    "strings that never end": "```go\n" + '\\"' * 3990,
    "words that may be types": "```java\n" + "a " * 3990,
    "numbers": "```make\n" + "1_" * 3990,
    "space": "```c\n" + "\t\n " * 2660,
    "as much code as is coloured": "```java\n" + "a " * 1490 + "\n```\n" + "```make\n" * 600,
    "a lexer that never ends": "```amdgpu\n" + "a" * 7990,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_no_text_takes_a_second_or_grows_beyond_measure(name: str) -> None:
    text = PATHOLOGICAL[name][:MAX_TEXT]
    began = time.thread_time()
    html = render(text)
    assert_below(time.thread_time() - began, 1)
    assert len(html) <= MAX_HTML
    assert_harmless(html)


def test_what_would_grow_too_large_is_shown_as_plain_text() -> None:
    html = render("<b>\n" + "http://a(" * 888)
    assert html.startswith("<p>&lt;b&gt;<br>\nhttp://a(http://a(")
    assert Page(html).tags == {"p", "br"}


PIECES = st.sampled_from(
    [*"abZ 019.,:;!?'\"()-+=#*_~`|/\\<>&@[]{}^%$\n\t\r\x00\x85\xa0é日🙂。　",
     "  ", "\n\n", "1. ", "- ", "# ", "http:", "www.", ".com", "a.de", "mailto:", "&amp;",
     "---", "==="]
)  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20))
def test_the_short_way_of_plain_text_gives_what_the_long_one_gives(text: str) -> None:
    if text.strip():
        assert render(text) == rendering._rendered(text)


@pytest.mark.parametrize(
    "text", ["hello", "it's 10:30, isn't it?", '#1: "yes"', "one\ntwo", "a (b); c!", "ça va 🙂"]
)
def test_ordinary_messages_take_the_short_way(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(rendering, "_rendered")
    assert render(text).startswith("<p>")
