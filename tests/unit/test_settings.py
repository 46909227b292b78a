"""What the site is, by the variables it is started with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SHOW = """
import json, sys
from chatsite import settings
names = sys.argv[1:]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def settings_with(*names: str, **variables: str) -> Any:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    shown = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", SHOW, *names],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(shown.stdout)


def test_without_a_key_it_is_a_development_site_for_this_machine_only() -> None:
    site = settings_with("DEBUG", "HTTPS", "SECRET_KEY", "ALLOWED_HOSTS", "SESSION_COOKIE_SECURE")
    assert (site["DEBUG"], site["HTTPS"], site["SESSION_COOKIE_SECURE"]) == (True, False, False)
    assert len(site["SECRET_KEY"]) >= 50
    assert set(site["ALLOWED_HOSTS"]) == {"localhost", "127.0.0.1", "[::1]"}


def test_with_a_key_it_is_a_production_site() -> None:
    site = settings_with(
        "DEBUG",
        "SECURE_SSL_REDIRECT",
        "SECURE_HSTS_SECONDS",
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "SESSION_COOKIE_HTTPONLY",
        "SECURE_PROXY_SSL_HEADER",
        SECRET_KEY="k" * 50,
        TRUSTED_PROXIES="1",
    )
    assert site.pop("DEBUG") is False
    assert site.pop("SECURE_HSTS_SECONDS") >= 31_536_000
    assert site.pop("SECURE_PROXY_SSL_HEADER") == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert set(site.values()) == {True}


def test_tokens_are_signed_with_a_key_of_their_own_that_does_not_give_the_other_away() -> None:
    key = "k" * 50
    derived = settings_with("JWT_SIGNING_KEY", SECRET_KEY=key)["JWT_SIGNING_KEY"]
    assert derived == settings_with("JWT_SIGNING_KEY", SECRET_KEY=key)["JWT_SIGNING_KEY"]
    assert len(derived) == 64
    assert key not in derived
    given = settings_with("SIMPLE_JWT", SECRET_KEY=key, JWT_SIGNING_KEY="own")["SIMPLE_JWT"]
    assert given["SIGNING_KEY"] == "own"


def test_redis_and_postgresql_are_all_that_production_adds() -> None:
    site = settings_with(
        "CHANNEL_LAYERS",
        "DATABASES",
        REDIS_URL="redis://a:6379/0, redis://b:6379/0",
        DATABASE_URL="postgres://u:p@h/d",
    )
    layer = site["CHANNEL_LAYERS"]["default"]
    hosts = layer["CONFIG"]["hosts"]
    assert layer["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"
    assert [host["address"] for host in hosts] == ["redis://a:6379/0", "redis://b:6379/0"]
    assert all(host["socket_timeout"] == 15 for host in hosts)
    database = site["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database.get("CONN_MAX_AGE", 0) == 0
    assert "pool" in database["OPTIONS"]
