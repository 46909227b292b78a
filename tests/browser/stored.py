"""Fill a site with hostile content, wherever people may put words. For `manage.py shell`.

Through the actions or as they would store it; an address that they refuse is stored all the same,
as from a time before the rule.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts.actions import rename
from accounts.models import Profile
from accounts.names import clean_name
from accounts.queries import person
from chat import actions
from chat.models import Membership, Room
from chat.posting import Post
from notifications.actions import notify
from notifications.models import Notification
from orders.models import Order
from tests.browser.payloads import PAYLOADS

PASSWORD = "correct-horse-9"
A_PAGE = 45  # messages, so that all are in the first page of their room
ROOMS = [f"corpus-{number}" for number in range(-(-len(PAYLOADS) // A_PAGE))]


@transaction.atomic
def store() -> None:
    model = get_user_model()
    reader = model.objects.create_superuser("reader", password=PASSWORD)
    rename(user=reader, name="Reader")
    model.objects.create_superuser("keeper", password=PASSWORD)
    people = list(_people())
    rooms = Room.objects.bulk_create(_rooms())
    Membership.objects.bulk_create([Membership(room=room, user=reader) for room in rooms])
    full = {room.slug: room for room in rooms}
    actions.store_messages(
        [
            Post(
                room_id=full[ROOMS[number // A_PAGE]].pk,
                author=people[number % len(people)],
                person=person(people[number % len(people)]),
                text=payload,
                client_id=str(number),
                entered_at=0,
            )
            for number, payload in enumerate(PAYLOADS)
        ]
    )
    Order.objects.bulk_create([Order(user=reader, reference=text[:50]) for text in PAYLOADS])
    for payload in PAYLOADS:
        notify(to=reader, kind="generic", title=payload[:200], message=payload, action_url="/")
    for row, payload in zip(Notification.objects.order_by("pk"), PAYLOADS, strict=True):
        row.action_url = payload[:500]
        row.save(update_fields=["action_url"])


def _rooms() -> Iterator[Room]:
    """Those that hold the messages, and one for each payload that passes for a name."""
    for slug in ROOMS:
        yield Room(slug=slug, name=slug, topic=PAYLOADS[0], open_to_guests=True)
    for number, payload in enumerate(PAYLOADS):
        with suppress(ValidationError):
            yield Room(slug=f"room-{number}", name=clean_name(payload), topic=payload[:250])


def _people() -> Iterator[Any]:
    """One for each payload that passes for a name."""
    for number, payload in enumerate(PAYLOADS):
        with suppress(ValidationError):
            name = clean_name(payload)
            user = get_user_model().objects.create(username=f"person-{number}", password="!")
            Profile.objects.create(user=user, display_name=name)
            yield user
