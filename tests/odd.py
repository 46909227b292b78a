"""Frames as careless and hostile clients make them, told from the types that decode them.

A valid frame is one that its decoder takes, with values that nobody expects; a mutated one has a
fault, which may turn out to be harmless.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from realtime.frames import ClientFrame, Decoder, tag_of

Strategy = st.SearchStrategy[Any]
Fields = dict[str, Any]
Known = Mapping[str, Iterable[Any]]

# What programs stumble over: empty, huge, from right to left, almost something else.
STRINGS = [
    "", " ", "a", "0", "-1", "null", "\n", "\x7f", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff",
    "é", "e\u0301", "😀", "👩\u200d👧", "\U0010ffff", "%s", "{}", "'; --", "../../etc/passwd",
    "<script>", "__proto__", "**" * 40, "[" * 300, "@member " * 40, "> " * 200, "`" * 99,
    "1\n- 2", "http://x" * 30, "x" * 50, "x" * 64, "x" * 65, "x" * 101, "x" * 8000, "é" * 8001,
    "room.1", "prices", "user:1:x", "user:", "user::", ":", ".", "2026-01-01T00:00:00Z",
]  # fmt: skip
NUMBERS = [0, -0.0, -1, 1, 2, 49, 200, 201, 1.5, 1e-300, 1e300, 2**31, 2**32, 2**53, -(2**53)]
OTHERS: list[Any] = [
    None, True, False, [], {}, [[]], [None], [0, "", {}], {"": None}, {"type": "ping"}, ["x"],
    {"a": {"b": {"c": {"d": []}}}}, ["x"] * 40, list(range(99)), {"__class__": "x"}, ["x" * 5000],
]  # fmt: skip
ODD: list[Any] = [*STRINGS, *NUMBERS, *OTHERS]
# What JSON, or the contract's reading of it, does not know.
FORBIDDEN: list[Any] = [
    "\0", "\ud800", float("nan"), float("inf"), 2**53 + 1, 10**30, [[[[[[[[[]]]]]]]]],
]  # fmt: skip
BITS = ['"', "\\", "{", "}", "[", "]", ",", ":", "\0", "\t", "\u2028", "😀", "null", "1e999"]

_char = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_scalars = st.none() | st.integers(-(2**53), 2**53) | st.text(_char, max_size=5)
_anything = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(_char), inner, max_size=2),
    max_leaves=4,
)


def frames(decoder: Decoder, known: Known = MappingProxyType({})) -> list[Strategy]:
    """Valid frames of each type. `known` are values that lead somewhere, by field."""
    return [_frames(frame, known) for frame in decoder.frames.values()]


def _frames(frame: type[ClientFrame], known: Known) -> Strategy:
    """The types are told twice: as annotated, for msgspec to try a value, and taken apart."""
    info = inspect.type_info(frame)
    assert isinstance(info, inspect.StructType)
    annotated = msgspec.structs.fields(frame)
    required: dict[str, Strategy] = {"type": st.just(tag_of(frame))}
    optional: dict[str, Strategy] = {}
    for field, hint in zip(info.fields, annotated, strict=True):
        name = field.encode_name
        place = required if field.required else optional
        place[name] = _values(hint.type, field.type, known.get(name))
    return st.fixed_dictionaries(required, optional=optional)


def _values(hint: Any, kind: inspect.Type, known: Iterable[Any] | None) -> Strategy:
    """Known and odd ones that the type takes, and now and then some of its own."""
    odd = st.sampled_from([value for value in ODD if _takes(hint, value)])
    choices = [odd, odd, _own(kind)]
    return st.one_of([st.sampled_from(list(known)), *choices] if known else choices)


def _takes(hint: Any, value: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _own(kind: inspect.Type) -> Strategy:
    match kind:
        case inspect.StrType(pattern=str(pattern)):
            return st.from_regex(pattern)
        case inspect.StrType(min_length=least, max_length=most):
            return st.text(_char, min_size=least or 0, max_size=min(most or 9, 9))
        case inspect.IntType(ge=least, le=most):
            return st.integers(least, most or 2**53)
        case inspect.ListType(item_type=item, min_length=least):
            return st.lists(_own(item), min_size=least or 0, max_size=3)
        case inspect.UnionType(types=kinds):
            return st.one_of([_own(each) for each in kinds])
        case inspect.Metadata(type=inner):
            return _own(inner)
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return _anything
    raise NotImplementedError(kind)


def as_text(frame: Fields) -> str:
    """JSON; what UTF-8 does not have is escaped."""
    return json.dumps(frame, ensure_ascii=False).encode(errors="backslashreplace").decode()


# --- faults ---

# One of each: of what is drawn several times, hypothesis makes copies rather than other values.
values = st.sampled_from(ODD + FORBIDDEN)
places = st.integers(0, 199)
bits = st.sampled_from(BITS)


def mutations(frame: Fields, value: Any, place: int, bit: str) -> list[str]:
    """The texts of the frame with one fault each."""
    text = as_text(frame)
    return [*map(as_text, _altered(frame, value)), *_broken(text, place % len(text), bit)]


def _altered(frame: Fields, value: Any) -> list[Fields]:
    lacking = [{name: frame[name] for name in frame if name != gone} for gone in frame]
    other = [frame | {name: value} for name in {**frame, "ref": 0, "other": 0}]
    return [*lacking, *other]


def _broken(text: str, at: int, bit: str) -> list[str]:
    before, after = text[:at], text[at:]
    return [
        before,
        before + after[1:],
        before + bit + after,
        before + bit + after[1:],
        before + text,
    ]
