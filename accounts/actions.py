"""What people do with their accounts. Keyword-only; no requests here."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from accounts import names, queries
from accounts.models import Profile, Ticket
from realtime.frames import Person

TICKET_SECONDS = 30
TICKET_BYTES = 32  # 256 bits: it cannot be guessed, so a plain SHA-256 of it is enough at rest
CLEANED_AT_ONCE = 100  # expired tickets, per new one


@transaction.atomic
def create_guest(*, name: str) -> Any:
    """A new user who has a name and no password. Raises ValidationError."""
    name = names.clean_name(name)
    users = get_user_model()
    user = users(**{users.USERNAME_FIELD: f"guest-{secrets.token_hex(8)}"})
    user.set_unusable_password()
    user.save()
    Profile.objects.create(user=user, display_name=name, guest=True)
    return user


def rename(*, user: Any, name: str) -> Person:
    """Raises ValidationError."""
    profile, _ = Profile.objects.update_or_create(
        user=user, defaults={"display_name": names.clean_name(name)}
    )
    user.profile = profile
    return queries.person(user)


def issue_ticket(*, user: Any, session_key: str = "", ends_at: datetime | None = None) -> str:
    """A ticket for `user`, to be used once within TICKET_SECONDS. Only its hash is kept."""
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    now = timezone.now()
    with transaction.atomic():
        _clean_tickets(now)
        Ticket.objects.create(
            hash=_hash(ticket),
            user=user,
            created_at=now,
            expires_at=now + timedelta(seconds=TICKET_SECONDS),
            ends_at=ends_at,
            session_key=session_key,
            auth_hash=user.get_session_auth_hash(),
        )
    return ticket


def use_ticket(*, ticket: str) -> Ticket | None:
    """The ticket with its user and their profile, for one caller; None for all others.

    Whoever deletes the row has it. The caller still checks the credential behind it.
    """
    known = Ticket.objects.select_related("user__profile").filter(hash=_hash(ticket)).first()
    if known is None:
        return None
    claimed, _ = Ticket.objects.filter(pk=known.pk, expires_at__gt=timezone.now()).delete()
    return known if claimed else None


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _clean_tickets(now: datetime) -> None:
    """Skipping rows that another is cleaning: two cleaners must not wait for each other."""
    expired = Ticket.objects.select_for_update(skip_locked=True).filter(expires_at__lt=now)
    if ids := list(expired.values_list("pk", flat=True)[:CLEANED_AT_ONCE]):
        Ticket.objects.filter(pk__in=ids).delete()
