from typing import Any

from accounts.access import is_staff, is_staff_now


def may_operate(user: Any) -> bool:
    return is_staff(user)


def still_may_operate(user: Any) -> bool:
    return is_staff_now(user)
