"""Count the queries of one post in each of the rooms named. Prints them as JSON."""

import json
import sys
from typing import Any

import django
from django.db import connection
from django.test.utils import CaptureQueriesContext


def main() -> None:
    django.setup()
    from django.contrib.auth import get_user_model

    from chat.actions import post_message
    from chat.models import Room

    author = get_user_model().objects.select_related("profile").earliest("pk")
    counted: dict[str, list[str]] = {}
    for slug in sys.argv[1:]:
        room: Any = Room.objects.get(slug=slug)
        with CaptureQueriesContext(connection) as context:
            post_message(room=room, author=author, text="How many?", client_id=slug)
        counted[slug] = [query["sql"] for query in context if not _is_control(query["sql"])]
    sys.stdout.write(json.dumps(counted))


def _is_control(sql: str) -> bool:
    return sql.split()[0] in {"BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"}


if __name__ == "__main__":
    main()
