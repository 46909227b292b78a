from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from msgspec import UNSET

from accounts.models import Profile
from realtime.frames import Person


def person(user: AbstractBaseUser) -> Person:
    """The person as others see them. One query, unless `profile` was selected with the user."""
    profile = profile_of(user)
    if profile is None:
        return Person(id=str(user.pk), name=user.get_username())
    return Person(
        id=str(user.pk), name=profile.display_name, guest=True if profile.guest else UNSET
    )


def profile_of(user: Any) -> Profile | None:
    try:
        profile: Profile = user.profile
    except ObjectDoesNotExist:
        return None
    return profile


def is_guest(user: Any) -> bool:
    profile = profile_of(user)
    return profile is not None and profile.guest


def user_by_id(user_id: Any) -> Any:
    """The user with their profile, in one query; None for an id that is nobody's or no id."""
    users = get_user_model()._default_manager.select_related("profile")
    try:
        return users.filter(pk=user_id).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None
