from typing import Any

from accounts.access import is_staff
from accounts.scopes import Scope, Scopes


def may_manage_orders(user: Any, scopes: Scopes = None) -> bool:
    """Staff, or a key that is for it."""
    if scopes is not None:
        return Scope.ORDERS_WRITE in scopes
    return is_staff(user)
