"""Cursor pages of lists, whose cursors clients can write themselves."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field
from rest_framework.exceptions import NotFound
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request


class StrictCursorPagination(CursorPagination):
    """In the order of `field`, which is unique: among equals a cursor loses its place.

    A place that no row can have is answered 404; DRF hands it to the database.
    """

    page_size = 50
    field: "Field[Any, Any]"
    newest_first = False

    def get_ordering(self, *_: Any) -> tuple[str]:
        return (f"-{self.field.name}" if self.newest_first else self.field.name,)

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                self.field.clean(cursor.position, None)
            except ValidationError:
                raise NotFound(self.invalid_cursor_message) from None
        return cursor
