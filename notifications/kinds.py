"""The kinds of notification. An app registers its own in AppConfig.ready()."""

import re
from dataclasses import dataclass

from notifications.models import MAX_KIND

_NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_KIND - 1}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """`name` goes over the wire; `label` is what people read."""

    name: str
    label: str


_kinds: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Raises ValueError for a name that is malformed, or taken by another kind."""
    if not _NAME.fullmatch(kind.name):
        raise ValueError(f"{kind.name!r} is no name for a kind: use a-z, 0-9 and hyphens.")
    if _kinds.setdefault(kind.name, kind) != kind:
        raise ValueError(f"The kind {kind.name!r} is registered already.")
    return kind


def kind_named(name: str) -> Kind:
    """Raises ValueError where no app has registered it."""
    if (kind := _kinds.get(name)) is None:
        raise ValueError(f"There is no kind {name!r}; registered are: {', '.join(sorted(_kinds))}.")
    return kind


GENERIC = register(Kind(name="generic", label="Notice"))
TEST = register(Kind(name="test", label="Test"))
