from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist
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
