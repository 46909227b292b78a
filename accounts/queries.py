from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from msgspec import UNSET

from accounts.models import ApiKey, Profile, RevokedFamily, Ticket
from realtime.frames import Person
from realtime.prepared import Prepared


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
    # Django keeps the user there too: a cycle, for the collector of garbage.
    if (field := Profile.user.field).is_cached(profile):
        field.delete_cached_value(profile)
    return profile


def is_guest(user: Any) -> bool:
    profile = profile_of(user)
    return profile is not None and profile.guest


def _user_by_pk(pk: Any) -> QuerySet[Any]:
    return get_user_model()._default_manager.select_related("profile").filter(pk=pk)


def _user_in_family(pk: Any, family: str) -> QuerySet[Any]:
    return _user_by_pk(pk).filter(~Exists(RevokedFamily.objects.filter(pk=family)))


_users = Prepared(_user_by_pk)
_users_in_families = Prepared(_user_in_family)


def user_by_id(user_id: Any) -> Any:
    """The user with their profile, in one query; None for an id that is nobody's or no id."""
    return _first(_users, user_id)


def user_with_family(user_id: Any, family: str) -> Any:
    """The same; None also where the family of tokens is revoked."""
    return _first(_users_in_families, user_id, family)


def _first(users: Prepared[Any], user_id: Any, *values: Any) -> Any:
    try:
        user = users.first(get_user_model()._meta.pk.to_python(user_id), *values)
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None
    if user is not None:
        profile_of(user)  # cuts the cycle
    return user


def _ticket_by_hash(hashed: str) -> QuerySet[Ticket]:
    revoked = RevokedFamily.objects.exclude(pk="").filter(pk=OuterRef("family"))
    tickets = Ticket.objects.select_related("user__profile", "api_key")
    return tickets.filter(~Exists(revoked), hash=hashed)


_tickets = Prepared(_ticket_by_hash)


def ticket_by_hash(hashed: str) -> Ticket | None:
    """With its user, their profile, and the API key that it was got with.

    None also where the family of tokens that it was got with is revoked.
    """
    return _tickets.first(hashed)


def good_keys() -> QuerySet[ApiKey]:
    """Neither revoked nor expired. Whether their users may sign in is another question."""
    lasting = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiKey.objects.filter(lasting, revoked_at=None)
