"""Asking for the pages of chat as somebody, and what is on them."""

import json
import re
from typing import Any

from django.test import Client

from chat import actions
from chat.models import Event, Room

HOME = "/"
CREATE = "/chat/"
ROOM = "/chat/open/"


def as_user(user: Any, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def html(answer: Any) -> str:
    text: str = answer.content.decode()
    return text


def room_data(answer: Any) -> Any:
    found = re.search(
        r'<script id="room-data" type="application/json">(.*?)</script>', html(answer), re.DOTALL
    )
    assert found
    return json.loads(found[1])


def say(room: Room, author: Any, text: str = "hi") -> None:
    number = str(Event.objects.count())
    actions.post_message(room=room, author=author, text=text, client_id=number)
