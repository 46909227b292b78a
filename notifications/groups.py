"""Names of the hub's groups."""

from typing import Any

INBOX = "inbox"


def inbox_group(inbox_id: int) -> str:
    """Backed by the inbox's log."""
    return f"{INBOX}.{inbox_id}"


def user_group(user_id: Any) -> str:
    """All notification sockets of a person; keeps nothing."""
    return f"user.{user_id}"
