"""The pages of chat: the front page, the room, and the forms on them."""

import json
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseForbidden,
    HttpResponseRedirect,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.actions import create_guest
from accounts.forms import GuestForm
from accounts.queries import person
from accounts.throttling import guest_wait, too_many_requests
from chat import access, actions, queries
from chat.errors import Conflict
from chat.forms import RoomForm
from chat.models import Membership, Room

PAGE_SIZE = 50


# Back in the browser's history, counts of unread messages would be those of then.
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: HttpRequest) -> HttpResponse:
    """Rooms for those who are signed in; a name and in you go for those who are not."""
    if request.user.is_authenticated:
        if request.method == "POST":
            return HttpResponseRedirect(_next(request) or reverse("home"))
        return _home(request)
    form = GuestForm(request.POST or None)
    if settings.GUESTS and request.method == "POST" and form.is_valid():
        if wait := guest_wait(request):
            return too_many_requests(request, wait)
        return _come_in(request, form.cleaned_data["name"])
    return render(request, "chat/home.html", {"form": form, "guests": settings.GUESTS})


def _home(request: HttpRequest, form: RoomForm | None = None) -> HttpResponse:
    context = {
        "rooms": _sidebar(request.user),
        "create_form": (form or RoomForm()) if access.may_create_rooms(request.user) else None,
    }
    return render(request, "chat/home.html", context, status=400 if form else 200)


def _come_in(request: HttpRequest, name: str) -> HttpResponse:
    user = create_guest(name=name)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    if target := _next(request):
        return HttpResponseRedirect(target)  # `redirect` would take it for the name of a view
    room = access.rooms_for(user).order_by("pk").first()
    if room is None:
        return redirect("home")
    actions.join_room(room=room, user=user)
    return redirect("chat:room", slug=room.slug)


def _next(request: HttpRequest) -> str | None:
    """Where the person wanted to go, unless that is another site."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if safe else None


@login_required
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    if not access.may_create_rooms(request.user):
        return HttpResponseForbidden("Guests make no rooms: sign up first.")
    form = RoomForm(request.POST)
    if not form.is_valid():
        return _home(request, form)
    try:
        room = actions.create_room(by=request.user, **form.cleaned_data)
    except Conflict as error:
        form.add_error("name", str(error))
        return _home(request, form)
    return redirect("chat:room", slug=room.slug)


@never_cache
@require_safe
def room(request: HttpRequest, slug: str) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect(f"{reverse('home')}?{urlencode({'next': request.path})}")
    the_room = _room_or_404(request, slug)
    membership = queries.membership_of(the_room, request.user)
    context = {
        "room": the_room,
        "rooms": _sidebar(request.user, current=slug),
        "member": membership is not None,
        "may_join": access.may_join(request.user, the_room),
        "data": _room_data(request.user, the_room, membership),
    }
    return render(request, "chat/room.html", context)


def _room_data(user: Any, room: Room, membership: Membership | None) -> dict[str, Any]:
    """What the page's script starts from; the events are as on the socket."""
    page = queries.events_before(access.events_for(user, room), limit=PAGE_SIZE)
    events = [json.loads(payload) for payload in page.payloads]
    you = person(user)
    return {
        "room": {
            "slug": room.slug,
            "name": room.name,
            "topic": room.topic,
            "visibility": room.visibility,
        },
        "you": {"id": you.id, "name": you.name, **({"guest": True} if you.guest is True else {})},
        "seq": events[-1]["seq"] if events else room.tail,
        "events": events,
        "has_more": page.has_more,
        "read_seq": membership.read_seq if membership else None,
        "member": membership is not None,
    }


@login_required
@require_POST
def join(request: HttpRequest, slug: str) -> HttpResponse:
    the_room = _room_or_404(request, slug)
    if not access.may_join(request.user, the_room):
        return HttpResponseForbidden("This room is joined by invitation.")
    actions.join_room(room=the_room, user=request.user)
    return redirect("chat:room", slug=slug)


@login_required
@require_POST
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    the_room = _room_or_404(request, slug)
    try:
        actions.leave_room(room=the_room, user=request.user)
    except Conflict as error:
        messages.error(request, str(error))
    else:
        messages.info(request, f"You left {the_room.name}.")
    return redirect("home")


def _room_or_404(request: HttpRequest, slug: str) -> Room:
    try:
        return access.room_for(request.user, slug)
    except Room.DoesNotExist:
        raise Http404("There is no such room.") from None


def _sidebar(user: Any, current: str | None = None) -> list[dict[str, Any]]:
    return [
        {
            "slug": room.slug,
            "name": room.name,
            "topic": room.topic,
            "unread": unread,
            "current": room.slug == current,
        }
        for room, unread in queries.sidebar(user)
    ]
