"""The names of chat's groups in the hub."""

LOG_PREFIX = "room"


def room_group(room_id: int) -> str:
    return f"{LOG_PREFIX}.{room_id}"
