"""Who is looking at the page, for templates: `{% if you %}{{ you.name }}{% endif %}`."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django.http import HttpRequest
from msgspec import to_builtins

from accounts.queries import person


def you(request: HttpRequest) -> dict[str, Callable[[], dict[str, Any] | None]]:
    """`you` is {"id", "name", "guest"?} or None; pages that do not ask cost no query.

    A function, which templates call: a lazy object would not go through `json_script`.
    """

    @cache
    def look() -> dict[str, Any] | None:
        user = getattr(request, "user", None)
        return to_builtins(person(user)) if user is not None and user.is_authenticated else None

    return {"you": look}
