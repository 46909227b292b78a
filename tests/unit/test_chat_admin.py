"""Rooms in the admin: made, changed and deleted there as everywhere else."""

from typing import Any

import msgspec
import pytest
from django.test import Client

from accounts.api_keys import issue
from chat.access import role_in
from chat.models import Event, Membership, Room
from tests.cast import Cast, make_user

pytestmark = pytest.mark.django_db(transaction=True)

ROOMS = "/admin/chat/room/"
ADD = f"{ROOMS}add/"


@pytest.fixture
def root() -> Any:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def admin(root: Any) -> Client:
    client = Client()
    client.force_login(root, backend="django.contrib.auth.backends.ModelBackend")
    return client


def change(room: Room) -> str:
    return f"{ROOMS}{room.pk}/change/"


def form(**fields: Any) -> dict[str, Any]:
    return {"name": "Tea", "topic": "", "visibility": "public", **fields}


def last(room: Room) -> dict[str, Any]:
    event = Event.objects.filter(room=room).latest("seq")
    assert event.seq == Room.objects.get(pk=room.pk).head
    frame: dict[str, Any] = msgspec.json.decode(event.payload)
    return frame


def test_a_room_that_is_added_has_its_maker_as_owner(admin: Client, root: Any) -> None:
    assert admin.post(ADD, form(visibility="private", topic=" Green ")).status_code == 302
    room = Room.objects.get()
    assert (room.name, room.topic, room.visibility) == ("Tea", "Green", "private")
    assert role_in(room, root) == "owner"
    assert last(room)["op"] == "join"


def test_a_room_that_is_changed_has_it_in_its_log(admin: Client, cast: Cast, root: Any) -> None:
    assert admin.post(change(cast.public_room), form(topic="Green")).status_code == 302
    frame = last(cast.public_room)
    assert (frame["type"], frame["name"], frame["topic"]) == ("room", "Tea", "Green")
    assert frame["by"] == {"id": str(root.pk), "name": "Root"}
    assert Room.objects.get(pk=cast.public_room.pk).slug == "public"


def test_saving_what_is_there_is_no_event(admin: Client, cast: Cast) -> None:
    before = Event.objects.count()
    assert admin.post(change(cast.public_room), form(name="Public")).status_code == 302
    assert Event.objects.count() == before


@pytest.mark.parametrize("field", ["visibility", "open_to_guests"])
def test_who_may_come_in_is_changed_in_the_log_too(admin: Client, cast: Cast, field: str) -> None:
    after = {"visibility": "private"} if field == "visibility" else {"open_to_guests": "on"}
    assert admin.post(change(cast.public_room), form(name="Public", **after)).status_code == 302
    room = Room.objects.get(pk=cast.public_room.pk)
    assert (room.visibility, room.open_to_guests) == (
        after.get("visibility", "public"),
        field == "open_to_guests",
    )
    assert last(room)["type"] == "room"


@pytest.mark.parametrize("name", ["", " ", "\u202eevil", "a\nb", "x" * 51])
def test_a_name_that_is_none_is_refused(admin: Client, cast: Cast, name: str) -> None:
    before = Event.objects.count()
    for path in (ADD, change(cast.public_room)):
        answer = admin.post(path, form(name=name))
        assert answer.status_code == 200
        assert "name" in answer.context["adminform"].form.errors
    assert (Room.objects.count(), Event.objects.count()) == (3, before)


def test_a_name_that_is_taken_is_said_to_be(admin: Client, cast: Cast) -> None:
    answer = admin.post(ADD, form(name="Public"), follow=True)
    assert answer.redirect_chain == [(ADD, 302)]
    assert "There is a room of that name already." in answer.content.decode()
    assert Room.objects.count() == 3


def test_an_address_is_not_changed(admin: Client, cast: Cast) -> None:
    admin.post(change(cast.public_room), form(slug="private"))
    assert Room.objects.get(pk=cast.public_room.pk).slug == "public"


@pytest.mark.parametrize("who", ["anonymous", "owner", "staff"])
def test_those_who_may_not_administer_change_no_room(cast: Cast, who: str) -> None:
    client = Client()
    if who != "anonymous":
        client.force_login(getattr(cast, who), backend="django.contrib.auth.backends.ModelBackend")
    for path in (ADD, change(cast.public_room)):
        assert client.post(path, form()).status_code in {302, 403}
    assert not Room.objects.filter(name="Tea").exists()


@pytest.mark.parametrize("way", ["its page", "the list"])
def test_a_room_that_is_deleted_takes_its_members_along(
    admin: Client, cast: Cast, way: str
) -> None:
    room = cast.private_room
    if way == "its page":
        admin.post(f"{ROOMS}{room.pk}/delete/", {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [room.pk], "post": "yes"}
        admin.post(ROOMS, chosen)
    assert not Room.objects.filter(pk=room.pk).exists()
    assert not Membership.objects.filter(room_id=room.pk).exists()


def test_a_person_who_is_deleted_leaves_their_rooms(admin: Client, cast: Cast) -> None:
    issue(user=cast.owner, name="bot", scopes=[])
    answer = admin.post(f"/admin/accounts/user/{cast.owner.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302
    assert not Membership.objects.filter(user_id=cast.owner.pk).exists()


def test_in_the_admin_memberships_are_only_looked_at(admin: Client, cast: Cast) -> None:
    one = Membership.objects.filter(user=cast.member).first()
    assert one
    path = f"/admin/chat/membership/{one.pk}/"
    assert admin.get(f"{path}change/").status_code == 200
    for page in (f"{path}change/", f"{path}delete/", "/admin/chat/membership/add/"):
        assert admin.post(page, {"post": "yes", "role": "owner"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"}
    admin.post("/admin/chat/membership/", chosen)
    assert Membership.objects.get(pk=one.pk).role == one.role
