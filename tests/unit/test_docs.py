"""What the manual says is what the code does."""

import re
from pathlib import Path

from realtime.close_codes import CloseCode, ErrorCode

ROOT = Path(__file__).parents[2]
READER = r"(?:switch|whole_number|strings|choice|database|redis_url|email|env\.\w+)"
READERS = READER + r"\(\s*\"([A-Z_]+)\""


def words_in(path: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", (ROOT / path).read_text()))


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    read = set(re.findall(READERS, (ROOT / "chatsite/settings.py").read_text()))
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE)
    assert read == set(rows)


def test_every_close_code_is_documented_with_whether_to_come_back() -> None:
    rows = re.findall(
        r"^\| (\d{4}) \| [^|]+ \| (yes|no|after)",
        (ROOT / "docs/protocol.md").read_text(),
        re.MULTILINE,
    )
    assert {int(code): answer == "yes" for code, answer in rows} == {
        int(code): code.reconnect for code in CloseCode if code is not CloseCode.LOST
    }


def test_every_error_code_is_documented() -> None:
    assert {code.value for code in ErrorCode} <= words_in("docs/protocol.md")
