"""What a person, and a room, may be called."""

import unicodedata

from django.core.exceptions import ValidationError

MAX_NAME = 50
# Marks and overrides of direction: with them a name can pass for another.
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}  # controls, surrogates, separators of lines and paragraphs
_VISIBLE = {"L", "N", "P", "S"}


def clean_name(name: str) -> str:
    """The name, trimmed: 1 to 50 characters, no control or bidi ones. Raises ValidationError."""
    name = name.strip()
    if not name:
        raise ValidationError("A name is needed.", code="required")
    if len(name) > MAX_NAME:
        raise ValidationError(f"A name has at most {MAX_NAME} characters.", code="too_long")
    if any(char in _BIDI or unicodedata.category(char) in _FORBIDDEN for char in name):
        raise ValidationError(
            "A name has no control characters or marks of direction.", code="invalid"
        )
    if not any(unicodedata.category(char)[0] in _VISIBLE for char in name):
        raise ValidationError("A name needs something to see.", code="invalid")
    return name
