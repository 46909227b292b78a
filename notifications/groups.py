"""Names of the hub's groups, and of notices to people."""

INBOX = "inbox"
ROOM_UNREAD = "room-unread"


def inbox_group(inbox_id: int) -> str:
    """Backed by the inbox's log."""
    return f"{INBOX}.{inbox_id}"
