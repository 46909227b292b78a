"""`manage.py demo`: rooms to talk in at once; harmless when repeated."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import transaction
from rich.console import Console
from rich.table import Table

from chat.actions import join_room
from chat.models import Room

ROOMS = [
    ("general", "General", "Everything and everyone"),
    ("random", "Random", "Lunch, links and cat pictures"),
]
ACCOUNTS = [("ada", False), ("grace", False), ("staff", True)]
PASSWORD = "chatsite-demo"  # noqa: S105 - made with DEBUG on only, and printed


class Command(BaseCommand):
    help = "Make the demo rooms and, with DEBUG on, demo accounts."

    @transaction.atomic
    def handle(self, *_: Any, **__: Any) -> None:
        rooms = [
            Room.objects.get_or_create(
                slug=slug, defaults={"name": name, "topic": topic, "open_to_guests": True}
            )[0]
            for slug, name, topic in ROOMS
        ]
        if not settings.DEBUG:
            self.stdout.write("Rooms: general, random. Demo accounts are made with DEBUG on only.")
            return
        for name, is_staff in ACCOUNTS:
            self._account(name, is_staff=is_staff, rooms=rooms)
        self._print()

    def _account(self, name: str, *, is_staff: bool, rooms: list[Room]) -> None:
        user, created = get_user_model().objects.get_or_create(
            username=name, defaults={"is_staff": is_staff, "is_superuser": is_staff}
        )
        if created:
            user.set_password(PASSWORD)
            user.save()
        for room in rooms:
            join_room(room=room, user=user)

    def _print(self) -> None:
        table = Table("account", "password", "may", title="Demo accounts")
        for name, is_staff in ACCOUNTS:
            table.add_row(name, PASSWORD, "ship orders, administer" if is_staff else "talk")
        console = Console(width=80)
        with console.capture() as captured:
            console.print(table)
        self.stdout.write(captured.get())
