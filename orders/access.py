from typing import Any


def may_manage_orders(user: Any) -> bool:
    return bool(user.is_active and user.is_staff)
