"""API keys: made, shown once, recognised, revoked."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.access import may_sign_in
from accounts.actions import credential_ended
from accounts.models import ApiKey
from accounts.standing import key_ground

KEY_BYTES = 32  # 256 bits: it cannot be guessed, so a plain SHA-256 of it is enough at rest
PREFIX_BYTES = 4  # beside those: by it a key is told from others
USE_NOTED_EVERY = timedelta(minutes=1)


class KeyRefused(Exception):
    """The key is none of ours, revoked, expired, or its user may not sign in."""


def issue(
    *, user: Any, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> ApiKey:
    """A new key. Its `text` is on this object alone: nobody can find it out later."""
    key = ApiKey(user=user, name=name, scopes=sorted(scopes), expires_at=expires_at)
    give_text(key)
    key.save()
    return key


def give_text(key: ApiKey) -> None:
    """To a key that is about to be saved for the first time."""
    key.prefix = f"key_{secrets.token_hex(PREFIX_BYTES)}"
    key.text = f"{key.prefix}_{secrets.token_urlsafe(KEY_BYTES)}"
    key.hash = _hash(key.text)


def holder(text: str) -> ApiKey:
    """The key with its user and their profile. One query, a second once a minute.

    Raises KeyRefused.
    """
    key = ApiKey.objects.select_related("user__profile").filter(hash=_hash(text)).first()
    if key is None or not is_good(key):
        raise KeyRefused("The API key is not valid.")
    _note_use(key)
    return key


def is_good(key: ApiKey) -> bool:
    """Whether the key still opens anything. Its user is loaded with it."""
    expired = key.expires_at is not None and key.expires_at <= timezone.now()
    return key.revoked_at is None and not expired and may_sign_in(key.user)


def revoke(*, key: ApiKey) -> None:
    """From now on, and with its sockets; a second time changes nothing."""
    ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now())
    credential_ended(user_id=key.user_id, ground=key_ground(key.pk))


def _note_use(key: ApiKey) -> None:
    now = timezone.now()
    before = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < before:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=before)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
