import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.strict_json import MAX_DEPTH, NotStrict, loads


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nope",
        '{"a": 1, "a": 2}',
        '{"a": {"b": 1, "b": 1}}',
        "NaN",
        "[Infinity]",
        "[-Infinity]",
        "1e999",
        str(2**53 + 1),
        str(-(2**53) - 1),
        "9" * 30,
        "9" * 5000,
        r'"\ud800"',
        r'{"\udfff": 1}',
        r'["a\u0000b"]',
        '"a\0b"',
        "[" * 9 + "]" * 9,
        '{"a":' * 9 + "1" + "}" * 9,
        "[" * 30_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a": 1} trailing',
        "\ufeff{}",
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_the_contract_forbids_is_refused(text: str) -> None:
    with pytest.raises(NotStrict):
        loads(text)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": [1, 2.5, None, True, "é", "😀"]},
        2**53,
        -(2**53),
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        [[[[[[[["eight deep"]]]]]]]],
        [[] for _ in range(50)],
    ],
    ids=repr,
)
def test_what_the_contract_allows_is_read(value: object) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False)) == value


_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)


@given(st.recursive(_leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text("ab"), inner)))
def test_it_reads_what_json_reads_or_refuses_for_depth(value: object) -> None:
    text = json.dumps(value)
    try:
        read = loads(text)
    except NotStrict:
        assert text.count("[") + text.count("{") > MAX_DEPTH
    else:
        assert read == value


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NotStrict):
        loads(text)
