"""A message's text as HTML: Markdown without raw HTML, then sanitised whatever came out."""

from html import escape

import nh3
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "span": {"class"}, "ol": {"start"}}


def _highlighted(code: str, language: str, _attributes: str) -> str:
    try:
        lexer = get_lexer_by_name(language) if language else None
    except ClassNotFound:
        lexer = None
    if lexer is None:
        return escape(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


# Images are left out: they would tell another site who reads the room.
_markdown = (
    MarkdownIt(
        "commonmark",
        {"html": False, "linkify": True, "breaks": True, "highlight": _highlighted},
    )
    .enable(["linkify", "strikethrough", "table"])
    .disable(["image"])
)


def render(text: str) -> str:
    """HTML that is safe to insert. Links open elsewhere and say nothing of where they were."""
    return nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()
