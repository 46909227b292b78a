"""A message's text as HTML: Markdown without raw HTML, then sanitised whatever came out."""

import re
from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock, table
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

# What 8,000 characters may cost everybody else: rendering holds the interpreter's lock, and the
# result goes to every socket of the room.
MAX_HTML = 64 * 1024  # characters; a message that would be larger is shown as plain text
MAX_HIGHLIGHTED = 3000  # characters of code per message; the rest is shown without colours
MAX_CELLS = 1500  # of a table, those that are left out included

# Many of Pygments' 600 lexers take seconds, or for ever, over text that is made for it. With these,
# none of 100 patterns took MAX_HIGHLIGHTED characters to more than 0.6 s. C# is absent for that.
_LANGUAGES = {
    "bash", "c", "clojure", "console", "cpp", "c++", "css", "dart", "diff", "docker", "dockerfile",
    "elixir", "erlang", "fsharp", "go", "graphql", "groovy", "haskell", "html", "http", "ini",
    "java", "javascript", "js", "json", "jsx", "julia", "kotlin", "lua", "make", "markdown", "md",
    "nginx", "objective-c", "ocaml", "perl", "php", "powershell", "py", "pycon", "python", "r",
    "rb", "rs", "ruby", "rust", "scala", "scss", "sh", "shell", "sql", "swift", "toml", "ts", "tsx",
    "typescript", "xml", "yaml", "yml", "zig",
}  # fmt: skip

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li",
    "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {"a": {"href", "title"}, "code": {"class"}, "span": {"class"}, "ol": {"start"}}


def _highlighted(code: str, language: str, _attributes: str) -> str:
    if language.lower() not in _LANGUAGES:
        return escape(code)
    return str(highlight(code, get_lexer_by_name(language), HtmlFormatter(nowrap=True)))


def _fence(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: MutableMapping[str, Any],
) -> str:
    """A block of code, in colours while the message has some left."""
    token = tokens[index]
    env["highlighted"] = env.get("highlighted", 0) + len(token.content)
    if env["highlighted"] > MAX_HIGHLIGHTED:
        token.info = ""
    return renderer.fence(tokens, index, options, env)


def _small_table(state: StateBlock, start: int, end: int, silent: bool) -> bool:  # noqa: FBT001
    """Rows are filled up to the width of the header, so 2 KB of text can be 650 KB of table."""
    if start + 1 < end:
        columns = state.src[state.bMarks[start + 1] : state.eMarks[start + 1]].count("|") + 1
        if columns * (end - start) > MAX_CELLS:
            return False
    return table(state, start, end, silent)


# Images are left out: they would tell another site who reads the room.
_markdown = (
    MarkdownIt(
        "commonmark",
        {"html": False, "linkify": True, "breaks": True, "highlight": _highlighted},
    )
    .enable(["linkify", "strikethrough", "table"])
    .disable(["image"])
)
_markdown.add_render_rule("fence", _fence)
_markdown.block.ruler.at("table", _small_table, {"alt": ["paragraph", "reference"]})


# What Markdown, the links in it or the sanitiser may read as more than a character of a paragraph.
# Most messages have none of it, and parsing them costs 150 µs each, half of what a post costs.
_MARKED = re.compile(
    r"""
      [\\`*_~\[\]<>&|@]
    | [\x00-\x09\x0b-\x1f\x7f-\xa0]
    | // | \.\S           # an address, with or without http:
    | ^\s | \s$ | \n\n   # of each line
    | ^[-+=] | ^\#{1,6}(?:\s|$) | ^\d{1,9}[.)]
    """,
    re.MULTILINE | re.VERBOSE,
)


def render(text: str) -> str:
    """HTML that is safe to insert. Links open elsewhere and say nothing of where they were."""
    return _rendered(text) if _MARKED.search(text) else _plain(text)


def _rendered(text: str) -> str:
    html = nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    ).strip()
    return html if len(html) <= MAX_HTML else _plain(text)


def _plain(text: str) -> str:
    return "<p>" + escape(text.strip(), quote=False).replace("\n", "<br>\n") + "</p>"
