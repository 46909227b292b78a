"""What staff do to a running site. Each thing done is in the audit log, or is not done."""

from django.db import transaction

from accounts.queries import person, user_by_id
from ops.errors import Empty, TooLong, UnknownPerson
from ops.models import AuditEntry
from realtime import publish
from realtime.close_codes import CloseCode, ErrorCode
from realtime.errors import Refused
from realtime.frames import Announcement, Person

MAX_REASON = 200
MAX_ANNOUNCEMENT = 1000

What = AuditEntry.What


def kick(*, by: Person, user_id: str, reason: str) -> Person:
    """End all sockets of the person, on every worker. Raises UnknownPerson or TooLong."""
    reason = _within(MAX_REASON, reason)
    user = user_by_id(user_id)
    if user is None:
        raise UnknownPerson
    whom = person(user)
    refusal = _refusal("You were removed by the site's staff", reason)
    with transaction.atomic():
        _record(by, What.KICK, whom=whom, words=reason)
        transaction.on_commit(lambda: publish.end_sockets(whom.id, refusal), robust=True)
    return whom


def disconnect(*, by: Person, connection_id: str, whom: Person | None) -> None:
    """End one socket, which is known to be there and whose."""
    refusal = _refusal("This connection was ended by the site's staff")
    with transaction.atomic():
        _record(by, What.DISCONNECT, whom=whom, connection_id=connection_id)
        transaction.on_commit(lambda: publish.end_socket(connection_id, refusal), robust=True)


def announce(*, by: Person, message: str) -> Announcement:
    """Tell every socket of the site. Raises Empty or TooLong."""
    frame = Announcement(message=_within(MAX_ANNOUNCEMENT, message), from_=by)
    if not frame.message:
        raise Empty
    with transaction.atomic():
        _record(by, What.ANNOUNCE, words=frame.message)
        transaction.on_commit(lambda: publish.announce(frame), robust=True)
    return frame


def _record(
    by: Person, what: str, *, whom: Person | None = None, connection_id: str = "", words: str = ""
) -> None:
    AuditEntry.objects.create(
        who_id=by.id,
        who_name=by.name,
        what=what,
        whom_id=whom.id if whom else "",
        whom_name=whom.name if whom else "",
        connection_id=connection_id,
        words=words,
    )


def _within(limit: int, words: str) -> str:
    words = words.strip()
    if len(words) > limit:
        raise TooLong(limit)
    return words


def _refusal(message: str, reason: str = "") -> Refused:
    message = f"{message}: {reason}" if reason else f"{message}."
    return Refused(CloseCode.FORBIDDEN, ErrorCode.FORBIDDEN, message)
