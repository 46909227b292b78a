"""Fill a site's database: people, rooms, memberships, old messages. Prints access tokens.

The argument is JSON: `users` is how many people there are, `rooms` maps a slug to `members` (how
many of the people are, from the first) and `messages` (how many its log has). Rooms are public.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import django
from django.db import transaction
from django.utils import timezone

BATCH = 1000


def main() -> None:
    django.setup()
    from accounts.tokens import issue

    spec = json.loads(sys.argv[1])
    with transaction.atomic():
        users = _users(spec.get("users", 0))
        for slug, room in spec.get("rooms", {}).items():
            _room(slug, users, **room)
        tokens = [issue(user).access for user in users]
    sys.stdout.write(json.dumps(tokens))


def _users(count: int) -> list[Any]:
    from django.contrib.auth import get_user_model
    from django.contrib.auth.hashers import make_password

    from accounts.models import Profile

    model = get_user_model()
    password = make_password(None)
    users = [model(username=f"person-{number}", password=password) for number in range(count)]
    model.objects.bulk_create(users, BATCH, ignore_conflicts=False)
    profiles = [Profile(user=user, display_name=user.username) for user in users]
    Profile.objects.bulk_create(profiles, BATCH)
    return users


def _room(slug: str, users: list[Any], *, members: int = 0, messages: int = 0) -> None:
    from chat.models import Event, Membership, Room

    room = Room.objects.create(
        slug=slug,
        name=slug,
        open_to_guests=True,
        head=messages,
        message_count=messages,
    )
    Membership.objects.bulk_create(
        [Membership(room=room, user=user) for user in users[:members]], BATCH
    )
    Event.objects.bulk_create(_events(room, users, messages), BATCH)


def _events(room: Any, users: list[Any], count: int) -> Iterator[Any]:
    from accounts.queries import person
    from chat.frames import Message
    from chat.models import Event
    from chat.rendering import render
    from realtime.frames import encode

    people = [(user, person(user)) for user in users[:20]]
    for seq in range(1, count + 1):
        user, author = people[seq // 3 % len(people)]
        text = f"Message {seq} of {count}: shall we meet at **noon** by the `river`?"
        frame = Message(
            seq=seq,
            timestamp=timezone.now(),
            from_=author,
            text=text,
            html=render(text),
            client_id=f"old-{seq}",
        )
        yield Event(
            room=room,
            seq=seq,
            timestamp=frame.timestamp,
            payload=encode(frame).decode(),
            kind="message",
            author=user,
            client_id=frame.client_id,
        )


if __name__ == "__main__":
    main()
