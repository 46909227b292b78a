"""The name of a room in addresses."""

import hashlib
import secrets
import unicodedata

from django.utils.text import slugify

MAX_WORDS = 48
APART_BYTES = 4


def slug_of(name: str) -> str:
    """The name; where ASCII cannot say it, a hash tells it from its likes."""
    slug = slugify(name)[:MAX_WORDS].strip("-_")
    said = slug and all(
        char.isascii() or not char.isalnum() for char in unicodedata.normalize("NFKD", name)
    )
    digest = hashlib.sha256(name.casefold().encode()).hexdigest()[:8]
    return slug if said else f"{slug or 'room'}-{digest}"


def slug_apart(name: str) -> str:
    """One that no other room of this name has, and nobody can find out from it."""
    return f"{slug_of(name)[:MAX_WORDS].strip('-_')}-{secrets.token_hex(APART_BYTES)}"
