"""The strict pass over a client's JSON.

`json.loads` and msgspec both take more than the contract does: repeated keys, NaN, 30-digit
integers, NUL, lone surrogates, any depth. Here each of them is an error.
"""

import json
import math
from typing import Any, NoReturn

MAX_DEPTH = 8
MAX_INTEGER = 2**53


class NotStrict(ValueError):
    """The text is not JSON that the contract allows; the message says why."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotStrict("a key is repeated")
    return result


def _constant(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > 17 or abs(value := int(digits)) > MAX_INTEGER:
        raise NotStrict("an integer is beyond 2^53")
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotStrict("a number is out of range")
    return value


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float
).decode


def loads(text: str) -> Any:
    """Decode one JSON value. Raises NotStrict."""
    try:
        value = _decode(text)
    except NotStrict:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrict("not valid JSON") from error
    # Both walks are needed only by texts that can hold what they look for: most cannot.
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    if "\\u" in text or not text.isascii():
        _check_strings(value)
    return value


def _check_depth(value: Any) -> None:
    containers = [value]
    for _ in range(MAX_DEPTH):
        containers = [
            child
            for container in containers
            if isinstance(container, (dict, list))
            for child in (container.values() if isinstance(container, dict) else container)
            if isinstance(child, (dict, list))
        ]
        if not containers:
            return
    raise NotStrict(f"nested more than {MAX_DEPTH} deep")


def _check_strings(value: Any) -> None:
    if isinstance(value, str):
        if fault := fault_of(value):
            raise NotStrict(fault)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)


def fault_of(text: str) -> str:
    """What the contract allows in no string; empty where all is well."""
    if "\0" in text:
        return "a string holds NUL"
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return "a string holds a lone surrogate"
    return ""
