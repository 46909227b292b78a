"""Where others end what sockets stand on, and Django has nothing but a signal to tell us.

Sessions are ended by logging out, and by signing in as somebody else, on pages of allauth, the
admin and hosts: in either case the session's row is deleted. Users are saved and deleted by the
admin, by forms for passwords and by commands.
"""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from accounts.actions import credential_ended
from accounts.standing import session_ground
from realtime.publish import recheck_on_commit

LETS_IN = {"password", "is_active"}


def on_session_deleted(instance: Any, **_: Any) -> None:
    """What expired before is left to the sweep: Django cleans up thousands of those at once."""
    if instance.expire_date > timezone.now():
        user_id = instance.get_decoded().get(SESSION_KEY)
        if user_id is not None:
            credential_ended(user_id=user_id, ground=session_ground(instance.session_key))


def on_logout(request: HttpRequest, user: Any, **_: Any) -> None:
    """Where sessions are no rows. Signing in as somebody else is left to the sweep there."""
    if user is not None and (session_key := request.session.session_key):
        credential_ended(user_id=user.pk, ground=session_ground(session_key))


def on_user_saved(
    instance: Any, *, created: bool, update_fields: frozenset[str] | None, **_: Any
) -> None:
    """What was there before is not known here: whether it has changed, the check finds out."""
    if not created and (update_fields is None or LETS_IN & update_fields):
        recheck_on_commit(str(instance.pk))


def on_user_deleted(instance: Any, **_: Any) -> None:
    recheck_on_commit(str(instance.pk))


def connect() -> None:
    post_save.connect(on_user_saved, sender=get_user_model())
    post_delete.connect(on_user_deleted, sender=get_user_model())
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if hasattr(store, "get_model_class"):
        post_delete.connect(on_session_deleted, sender=store.get_model_class())
    else:
        user_logged_out.connect(on_logout)
