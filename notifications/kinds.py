"""The kinds of notification. An app registers its own in AppConfig.ready(), to give them labels."""

import re
from dataclasses import dataclass

from notifications.models import MAX_KIND

_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_KIND - 1}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """`name` goes over the wire; `label` is what people read."""

    name: str
    label: str


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Raises ValueError for a name that is malformed, or taken by another kind."""
    if _kinds.setdefault(_checked(kind.name), kind) != kind:
        raise ValueError(f"The kind {kind.name!r} is registered already.")
    return kind


def kind_named(name: str) -> Kind:
    """The registered one; of any other, as of who notifies from outside, the name is the label.

    Raises ValueError for a name that is malformed.
    """
    return _kinds.get(name) or Kind(name=_checked(name), label=name)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a kind: use letters, digits and . _ : -")
    return name


GENERIC = register(Kind(name="generic", label="Notice"))
TEST = register(Kind(name="test", label="Test"))
