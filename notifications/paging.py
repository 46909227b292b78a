"""Cursor pages by `seq`."""

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from notifications.queries import Page
from realtime.strict_json import MAX_INTEGER


class PageQuery(serializers.Serializer[None]):
    unread = serializers.BooleanField(default=False, help_text="Only what is unread.")
    before = serializers.IntegerField(
        required=False, min_value=0, max_value=MAX_INTEGER, help_text="Only below this `seq`."
    )


def links(request: Request, page: Page) -> tuple[str | None, str | None]:
    """The addresses of the next, older page and of the previous, newer one."""
    here = request.build_absolute_uri()
    following = None if page.older is None else replace_query_param(here, "before", page.older)
    if page.newer is None:
        return following, None
    if page.newer.before is None:
        return following, remove_query_param(here, "before")
    return following, replace_query_param(here, "before", page.newer.before)
