"""What the manual says is what the code does."""

import io
import re
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
from django.core.management import BaseCommand

from accounts.scopes import Scope
from chat.conf import Settings as ChatSettings
from realtime.close_codes import CloseCode, ErrorCode
from realtime.conf import Bytes, Seconds, Spread
from realtime.conf import Settings as RealtimeSettings
from soak.faults import FAULTS
from soak.figures import FIGURES
from soak.ledger import PROMISES
from soak.management.commands.soak import Command as Soak

ROOT = Path(__file__).parents[2]
READER = (
    r"(?:switch|directory|number|whole_number|strings|choice|database|redis_url|email|env\.\w+)"
)
READERS = READER + r"\(\s*\"([A-Z_]+)\""


def words_in(path: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", (ROOT / path).read_text()))


def section_of(path: str, title: str) -> str:
    """What stands below a heading, up to the next of its kind."""
    text = (ROOT / path).read_text()
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    read = set(re.findall(READERS, (ROOT / "chatsite/settings.py").read_text()))
    variables = (ROOT / "docs/settings.md").read_text().partition("## The engine's numbers")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \|", variables, re.MULTILINE)
    assert read == set(rows)


def test_the_table_of_close_codes_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| (\d{4}) \| *([^|]*?) *\| (yes|no|after)",
        section_of("docs/protocol.md", "Close codes"),
        re.MULTILINE,
    )
    assert {int(code): answer == "yes" for code, _, answer in rows} == {
        int(code): code.reconnect for code in CloseCode
    }
    assert len(rows) == len(CloseCode)
    assert all(meaning for _, meaning, _ in rows)


def test_the_list_of_error_codes_is_that_of_the_code() -> None:
    section = section_of("docs/protocol.md", "Close codes")
    (listed,) = re.findall(r"^Error codes: ([^.]+)\.", section, re.MULTILINE)
    assert re.findall(r"`(\w+)`", listed) == [code.value for code in ErrorCode]


def test_every_scope_of_an_api_key_is_documented() -> None:
    assert {scope.value for scope in Scope} <= words_in("docs/protocol.md")


def test_every_default_of_a_limit_is_documented() -> None:
    source = (ROOT / "chatsite/settings.py").read_text()
    read = dict(re.findall(r'number\("(LIMIT_[A-Z_]+)", default=(\d+)\)', source))
    assert len(read) == 9
    settings = (ROOT / "docs/settings.md").read_text()
    assert read == dict(re.findall(r"^\| `(LIMIT_[A-Z_]+)` \| `(\d+)` \|", settings, re.MULTILINE))


@pytest.mark.parametrize(
    ("setting", "kind"), [("REALTIME", RealtimeSettings), ("CHAT", ChatSettings)]
)
def test_every_number_of_the_engine_is_documented_with_default_and_unit(
    setting: str, kind: type[msgspec.Struct]
) -> None:
    units = {Seconds: "s", Spread: "s", Bytes: "bytes"}
    hints = get_type_hints(kind, include_extras=True)
    table = (ROOT / "docs/settings.md").read_text().split(f"\n`{setting}`:\n\n")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]+)` \| (\w*) ?\| \w", table, re.MULTILINE)
    assert {(name, default, unit) for name, default, unit in rows} == {
        (name, str(getattr(kind(), name)), units.get(hint, "")) for name, hint in hints.items()
    }


def test_every_fault_and_promise_of_the_soak_is_documented() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|", section_of("docs/soak.md", "Faults"), re.MULTILINE)
    assert sorted(rows) == sorted(FAULTS)
    promises = re.findall(
        r"^\| ([A-J]) \| ([^|]+) \|", section_of("docs/soak.md", "Promises"), re.MULTILINE
    )
    assert {letter: said.replace("`", "") for letter, said in promises} == PROMISES


def options_of(command: BaseCommand) -> set[str]:
    actions = command.create_parser("manage.py", "soak")._actions
    return {option for action in actions for option in action.option_strings}


def test_every_option_of_the_soak_is_documented_and_no_other() -> None:
    text = (ROOT / "docs/soak.md").read_text().partition("\n## ")[0]
    rows = re.findall(r"^\| (`--[^|]+) \|", text, re.MULTILINE)
    named = {option for row in rows for option in re.findall(r"`(--[\w-]+)`", row)}
    assert named == options_of(Soak()) - options_of(BaseCommand())


def test_the_figures_that_are_documented_are_those_that_the_soak_measures() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| [≤≥] ([\d,.]+) \|", section_of("docs/soak.md", "Figures"), re.MULTILINE
    )
    assert rows == [(figure.name, f"{figure.must:,g}") for figure in FIGURES]


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_every_heading_stands_by_itself(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    assert not re.findall(r"[^\n]\n(#+ .*)", text)


class Closed:
    """A socket whose token has expired."""

    close_code = 4401

    async def __aenter__(self) -> "Closed":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, text: str) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[str]:
        for frame in ():
            yield frame


def test_the_python_client_waits_for_a_server_and_ends_when_it_is_signed_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [io.BytesIO(b'{"access": "a", "refresh": "r"}'), 503, 429, 401]
    asked = []

    def urlopen(request: urllib.request.Request) -> io.BytesIO:
        asked.append(request.full_url)
        answer = answers[len(asked) - 1]
        if isinstance(answer, int):
            raise urllib.error.HTTPError(request.full_url, answer, "", Message(), None)
        return answer

    async def sleep(_: float) -> None:
        pass

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr("websockets.connect", lambda *_, **__: Closed())
    monkeypatch.setattr("asyncio.sleep", sleep)
    monkeypatch.setattr("sys.argv", ["client"])
    source = re.findall(r"```python\n(.*?)```", (ROOT / "docs/protocol.md").read_text(), re.DOTALL)
    with pytest.raises(urllib.error.HTTPError, match="401"):
        exec(source[-1], {})  # noqa: S102 - our own manual
    assert len(asked) == 4
