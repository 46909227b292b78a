"""What people do with their accounts. Keyword-only; no requests here."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.functions import Now

from accounts import names, queries, tokens
from accounts.models import ApiKey, Profile, Ticket
from accounts.standing import signed_out, token_ground
from realtime.frames import Person
from realtime.publish import end_sockets, tell

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


@transaction.atomic
def rename(*, user: Any, name: str) -> Person:
    """The person under the new name, which all their sockets are told. Raises ValidationError."""
    profile, _ = Profile.objects.update_or_create(
        user=user, defaults={"display_name": names.clean_name(name)}
    )
    user.profile = profile
    person = queries.person(user)
    transaction.on_commit(lambda: tell("renamed", {person.id: person}), robust=True)
    return person


def issue_ticket(
    *,
    user: Any,
    session_key: str = "",
    family: str = "",
    ends_at: datetime | None = None,
    api_key: ApiKey | None = None,
) -> str:
    """A ticket for `user`, to be used once within TICKET_SECONDS. Only its hash is kept.

    All by the clock of the database: those of two workers may be minutes apart.
    """
    ticket = secrets.token_urlsafe(TICKET_BYTES)
    with transaction.atomic():
        _clean_tickets()
        Ticket.objects.create(
            hash=_hash(ticket),
            user=user,
            created_at=Now(),
            expires_at=Now() + timedelta(seconds=TICKET_SECONDS),
            ends_at=ends_at,
            session_key=session_key,
            family=family,
            api_key=api_key,
            auth_hash=user.get_session_auth_hash(),
        )
    return ticket


def use_ticket(*, ticket: str) -> Ticket | None:
    """The ticket with its user and their profile, for one caller; None for all others.

    Whoever deletes the row has it. The caller still checks the credential behind it.
    """
    known = queries.ticket_by_hash(_hash(ticket))
    if known is None or not _claim(known):
        return None
    if known.api_key:
        known.api_key.user = known.user  # the same, and loaded
    return known


def _claim(ticket: Ticket) -> bool:
    """One conditional statement, written out: a storm of handshakes is all tickets."""
    table = connection.ops.quote_name(Ticket._meta.db_table)
    now = {
        "postgresql": "STATEMENT_TIMESTAMP()",
        "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
    }[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE id = %s AND expires_at > {now}",  # noqa: S608 - no input
            (ticket.pk,),
        )
        return bool(cursor.rowcount)


def revoke_token(*, refresh: str) -> None:
    """End the tokens that came from the same sign-in, and their sockets. Raises TokenRefused."""
    token = tokens.revoke(refresh)
    credential_ended(user_id=token[tokens.USER_ID], ground=token_ground(tokens.family_of(token)))


def credential_ended(*, user_id: Any, ground: str) -> None:
    """Once it is committed, end the sockets that stand on this ground (accounts.standing)."""
    transaction.on_commit(
        lambda: end_sockets(str(user_id), signed_out(), ground=ground), robust=True
    )


def _hash(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


def _clean_tickets() -> None:
    """Skipping rows that another is cleaning: two cleaners must not wait for each other."""
    expired = Ticket.objects.select_for_update(skip_locked=True).filter(expires_at__lt=Now())
    if ids := list(expired.values_list("pk", flat=True)[:CLEANED_AT_ONCE]):
        Ticket.objects.filter(pk__in=ids).delete()
