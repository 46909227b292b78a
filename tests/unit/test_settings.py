"""What the site is, by the variables it is started with."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

KEY = "for-these-tests-" + "k" * 34
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
        SECRET_KEY=KEY,
        TRUSTED_PROXIES="1",
    )
    assert site.pop("DEBUG") is False
    assert site.pop("SECURE_HSTS_SECONDS") >= 31_536_000
    assert site.pop("SECURE_PROXY_SSL_HEADER") == ["HTTP_X_FORWARDED_PROTO", "https"]
    assert set(site.values()) == {True}


def test_tokens_are_signed_with_a_key_of_their_own_that_does_not_give_the_other_away() -> None:
    derived = settings_with("JWT_SIGNING_KEY", SECRET_KEY=KEY)["JWT_SIGNING_KEY"]
    assert derived == settings_with("JWT_SIGNING_KEY", SECRET_KEY=KEY)["JWT_SIGNING_KEY"]
    assert len(derived) == 64
    assert KEY not in derived
    given = settings_with("SIMPLE_JWT", SECRET_KEY=KEY, JWT_SIGNING_KEY="own")["SIMPLE_JWT"]
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
    assert all(host["protocol"] == 2 for host in hosts)  # the other costs 50 µs a message
    database = site["DATABASES"]["default"]
    assert database["ENGINE"] == "django.db.backends.postgresql"
    assert database.get("CONN_MAX_AGE", 0) == 0
    assert database["OPTIONS"]["pool"]["reconnect_timeout"] <= 2  # or it sleeps for minutes


def test_the_options_of_a_database_url_are_kept_beside_our_own() -> None:
    url = "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=/etc/ca.crt&connect_timeout=9"
    options = settings_with("DATABASES", DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/etc/ca.crt")
    assert (options["connect_timeout"], options["keepalives_count"]) == (9, 3)
    assert options["pool"]["timeout"] < 5
    url = "sqlite:////tmp/x.sqlite3?timeout=5"
    options = settings_with("DATABASES", DATABASE_URL=url)["DATABASES"]["default"]["OPTIONS"]
    assert (options["timeout"], options["transaction_mode"]) == (5, "IMMEDIATE")


def test_a_sentinel_is_asked_where_the_layer_is() -> None:
    site = settings_with("CHANNEL_LAYERS", REDIS_URL="redis+sentinel://a:1,b:2/chat/1")
    (host,) = site["CHANNEL_LAYERS"]["default"]["CONFIG"]["hosts"]
    assert (host["master_name"], host["sentinels"]) == ("chat", [["a", 1], ["b", 2]])
    assert (host["db"], host["socket_timeout"], host["protocol"]) == (1, 15, 2)


def test_state_and_static_files_are_kept_where_the_environment_says(tmp_path: Path) -> None:
    names = ("STATE_DIR", "STATIC_ROOT", "DATABASES")
    site = settings_with(*names, STATE_DIR=f"{tmp_path}/state")
    assert site["STATIC_ROOT"] == f"{tmp_path}/state/static"
    assert site["DATABASES"]["default"]["NAME"] == f"{tmp_path}/state/db.sqlite3"
    site = settings_with(*names, STATE_DIR=f"{tmp_path}/state", STATIC_ROOT=f"{tmp_path}/www")
    assert site["STATIC_ROOT"] == f"{tmp_path}/www"
    assert (tmp_path / "www").is_dir()
