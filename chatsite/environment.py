"""Reading the environment: a value that cannot be read stops the start with its name."""

import resource
import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from realtime import postgresql
from realtime.redis_address import addresses

SECRET_LENGTH, SECRET_VARIETY = 32, 5  # characters; different ones
DJANGOS_OWN = "django-insecure-"

env = environ.Env()


def switch(name: str, *, default: bool) -> bool:
    value = env.str(name, default="").strip().lower()
    if value not in {"", "on", "off"}:
        raise ImproperlyConfigured(f"{name} must be on or off, not {value!r}.")
    return default if value == "" else value == "on"


def number(name: str, *, default: float) -> float:
    value = env.str(name, default="").strip()
    try:
        result = float(value) if value else default
    except ValueError:
        result = -1
    if not 0 <= result < float("inf"):
        raise ImproperlyConfigured(f"{name} must be a number, 0 for none, not {value!r}.")
    return result


def whole_number(name: str, *, default: int) -> int:
    value = number(name, default=default)
    if value != int(value):
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value}.")
    return int(value)


def most_sockets() -> int:
    """As many as this process may have open, less a tenth, but at least 100, for all else."""
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if descriptors == resource.RLIM_INFINITY:
        return 0
    return max(1, descriptors - max(100, descriptors // 10))


def redis_url(name: str) -> str:
    """One URL, or several with commas between: see realtime.redis_address. Empty if none."""
    value = str(env.str(name, default="")).strip()
    try:
        addresses(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}.") from None
    return value


def directory(name: str, *, default: Path) -> Path:
    """An absolute path; made if it is missing."""
    path = Path(env.str(name, default="") or default)
    if not path.is_absolute():
        raise ImproperlyConfigured(f"{name} must be an absolute path, not {str(path)!r}.")
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"{name} cannot be made: {error}") from error
    return path


def email(name: str, *, default: str) -> dict[str, Any]:
    try:
        return dict(env.email_url(name, default=default))
    except (ValueError, KeyError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name} is not a mail URL: {error}") from error


def strings(name: str, *, default: list[str]) -> list[str]:
    value = env.str(name, default="")
    return [item for part in value.split(",") if (item := part.strip())] or default


def choice(name: str, *, options: tuple[str, ...], default: str) -> str:
    value = env.str(name, default="").strip().upper() or default
    if value not in options:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def database(name: str, *, default: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = dict(env.db_url(name, default=default))
    except (ValueError, KeyError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name} is not a database URL: {error}") from error
    if config.get("ENGINE") not in {"django.db.backends.sqlite3", "django.db.backends.postgresql"}:
        raise ImproperlyConfigured(f"{name} must begin with postgres:// or sqlite:///.")
    config.setdefault("OPTIONS", {})
    try:
        if config["ENGINE"].endswith("sqlite3"):
            _check_sqlite(config["OPTIONS"])
        else:
            postgresql.check(config["OPTIONS"])
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}.") from None
    return config


def _check_sqlite(options: dict[str, Any]) -> None:
    """Raises ValueError."""
    if unknown := options.keys() - {"timeout"}:
        raise ValueError(f"has an invalid option {min(unknown)!r}: SQLite has only timeout")
    if not str(options.get("timeout", 0)).isdecimal():
        raise ValueError("needs a whole number for timeout")


def check_secret(name: str, value: str) -> None:
    """Short, of a few characters only, or the one that Django makes for a new project."""
    weak = len(value) < SECRET_LENGTH or len(set(value)) < SECRET_VARIETY
    if weak or value.startswith(DJANGOS_OWN):
        raise ImproperlyConfigured(
            f"{name} must be {SECRET_LENGTH} characters or more and not to be guessed; make one "
            "with: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )


def kept_secret(path: Path) -> str:
    """The development key: made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()
