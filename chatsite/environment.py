"""Reading the environment: a value that cannot be read stops the start with its name."""

import secrets
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

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


def redis_url(name: str) -> str:
    """One URL, or several with commas between. Empty if there is none."""
    for url in strings(name, default=[]):
        if not url.startswith(("redis://", "rediss://")):
            raise ImproperlyConfigured(f"{name} must begin with redis:// or rediss://.")
    return str(env.str(name, default=""))


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
    return config


def kept_secret(path: Path) -> str:
    """The development key: made once, readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()
