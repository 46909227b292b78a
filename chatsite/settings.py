"""Settings of the site: one file, read from the environment, loud on nonsense.

Every variable is described in docs/settings.md. Without SECRET_KEY this is a development site:
DEBUG on, a generated key kept in var/, loopback hosts only.
"""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from chatsite.environment import (
    check_secret,
    choice,
    database,
    directory,
    email,
    env,
    kept_secret,
    most_sockets,
    number,
    redis_url,
    strings,
    switch,
    whole_number,
)
from chatsite.logs import name_request, plain_absence, plain_refusals, scrub
from realtime import postgresql
from realtime.redis_address import addresses

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = directory("STATE_DIR", default=BASE_DIR / "var")

# --- Who we are -------------------------------------------------------------------------------

_given_key = env.str("SECRET_KEY", default="")
DEBUG = switch("DEBUG", default=not _given_key)
if not (_given_key or DEBUG):
    raise ImproperlyConfigured("Set SECRET_KEY: it is needed when DEBUG is off.")
if not DEBUG:
    check_secret("SECRET_KEY", _given_key)
SECRET_KEY = _given_key or kept_secret(STATE_DIR / "secret-key")
HTTPS = switch("HTTPS", default=not DEBUG)
ALLOWED_HOSTS = strings("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = strings("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXIES = whole_number("TRUSTED_PROXIES", default=0)
GUESTS = switch("GUESTS", default=True)

# --- What it is made of -----------------------------------------------------------------------

INSTALLED_APPS = [
    "realtime",  # before daphne and staticfiles: its runserver is the one
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "allauth",
    "allauth.account",
    "csp",
    "accounts",
    "notifications",
    "chat",
    "orders",
    "topics",
    "ops",
    "soak",
]

MIDDLEWARE = [
    "chatsite.logs.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",  # before static files: a picture opened by itself is a page
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "accounts.context.you",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- Where state is kept ----------------------------------------------------------------------

_database: dict[str, Any] = database(
    "DATABASE_URL", default=f"sqlite:///{STATE_DIR / 'db.sqlite3'}"
)
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a transaction that reads and then writes cannot fail half-way for the lock.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON;",
        **_database["OPTIONS"],
    }
    # A file: the engine's database threads do not see an in-memory one.
    _database["TEST"] = {"NAME": STATE_DIR / "test.sqlite3"}
else:
    # CONN_MAX_AGE is 0 and the pool keeps the connections: under ASGI each request may run on
    # a thread of its own, and persistent connections would grow with them.
    # An attempt to connect that fails sleeps twice as long each time, up to minutes: it is given up
    # soon, and whoever asks next makes another. So a database that comes back is found at once.
    _database["OPTIONS"] = {
        **postgresql.CONNECTING,
        **_database["OPTIONS"],
        "pool": {
            "min_size": 1,
            "max_size": 12,
            "timeout": postgresql.POOL_TIMEOUT,
            "reconnect_timeout": 2,
            "connection_class": postgresql.Connection,
        },
    }
DATABASES = {"default": _database}

REDIS_URL = redis_url("REDIS_URL")
if REDIS_URL:
    CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {
                # Redis dead for longer than this is Redis away; health checks find it early.
                # In RESP3, its default, redis-py words each message for a log at level DEBUG:
                # 50 µs, for what takes 180.
                "hosts": [
                    address.for_layer(socket_timeout=15, health_check_interval=10, protocol=2)
                    for address in addresses(REDIS_URL)
                ],
            },
        }
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "realtime.layers.MemoryLayer"}}

# --- Limits: 0 is none ------------------------------------------------------------------------

# Per connection, user or address. A rate lets two seconds' worth through at once, one per minute
# a minute's.
LIMIT_SOCKETS_PER_USER = whole_number("LIMIT_SOCKETS_PER_USER", default=50)
LIMIT_SOCKETS_PER_ADDRESS = whole_number("LIMIT_SOCKETS_PER_ADDRESS", default=1000)
LIMIT_HANDSHAKES_PER_SECOND = number("LIMIT_HANDSHAKES_PER_SECOND", default=100)
LIMIT_FRAMES_PER_SECOND = number("LIMIT_FRAMES_PER_SECOND", default=50)
LIMIT_MESSAGES_PER_SECOND = number("LIMIT_MESSAGES_PER_SECOND", default=10)
LIMIT_API_PER_SECOND = number("LIMIT_API_PER_SECOND", default=20)
LIMIT_LOGINS_PER_MINUTE = number("LIMIT_LOGINS_PER_MINUTE", default=20)
LIMIT_GUESTS_PER_MINUTE = number("LIMIT_GUESTS_PER_MINUTE", default=30)
LIMIT_STRANGERS_PER_MINUTE = number("LIMIT_STRANGERS_PER_MINUTE", default=20)
# Of one process. What is left of its descriptors is for requests, the database and files.
REALTIME = {"MAX_SOCKETS": whole_number("REALTIME_MAX_SOCKETS", default=most_sockets())}

# --- People -----------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.backends.PasswordBackend",  # decides alone wherever there is a password
    "django.contrib.auth.backends.ModelBackend",  # named by the sessions of guests
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False  # a guest is signed in, and may want an account
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = True
# Signing in has its limit in the adapter; the others are allauth's own.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "chatsite.errors.csrf_failure"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS

JWT_SIGNING_KEY = env.str("JWT_SIGNING_KEY", default="") or (
    # Derived, so that the two keys differ and neither gives the other away.
    hashlib.sha256(b"chatsite.jwt:" + SECRET_KEY.encode()).hexdigest()
)
SIMPLE_JWT = {
    "SIGNING_KEY": JWT_SIGNING_KEY,
    "ALGORITHM": "HS256",
    "ISSUER": "chatsite",
    "AUDIENCE": "chatsite",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "CHECK_REVOKE_TOKEN": True,
    "CHECK_USER_IS_ACTIVE": True,
    "UPDATE_LAST_LOGIN": False,
}

# --- HTTP -------------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
# Of this name alone: what is said of the others of the domain, for years, is their owner's to say.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = directory("STATIC_ROOT", default=STATE_DIR / "static")
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "chatsite.storage.StaticStorage"
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.BearerAuthentication",
        "accounts.authentication.ApiKeyAuthentication",
        "accounts.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.SignedIn"],
    "DEFAULT_PARSER_CLASSES": ["chatsite.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.throttling.ApiThrottle"],
    "EXCEPTION_HANDLER": "chatsite.errors.handle",
    "NUM_PROXIES": TRUSTED_PROXIES,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "chatsite",
    "DESCRIPTION": "Rooms, notifications, topics, orders. The sockets are at /api/asyncapi.json.",
    "VERSION": "1",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chatsite.schema.document_errors",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Mail and logs ----------------------------------------------------------------------------

_email = email("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = _email["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = _email.get("EMAIL_HOST") or "localhost", _email.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = _email.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = _email.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = bool(_email.get("EMAIL_USE_TLS"))
EMAIL_USE_SSL = bool(_email.get("EMAIL_USE_SSL"))

LOG_LEVEL = choice(
    "LOG_LEVEL", options=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), default="INFO"
)
_QUIET = "INFO" if LOG_LEVEL == "DEBUG" else LOG_LEVEL
_OURS = ["accounts", "chat", "chatsite", "notifications", "ops", "orders", "realtime", "topics"]
_before_rendering: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    name_request,
]
structlog.configure(
    processors=[*_before_rendering, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _before_rendering,
            "processors": [
                plain_refusals,
                plain_absence,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,  # without the values of variables
                structlog.dev.ConsoleRenderer(colors=False)
                if DEBUG
                else structlog.processors.JSONRenderer(),
                scrub,
            ],
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    # At DEBUG libraries tell what they were given: SQL with its values, texts, commands.
    "root": {"handlers": ["stderr"], "level": _QUIET},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        "django.db.backends": {"level": _QUIET},
        **{app: {"level": LOG_LEVEL} for app in _OURS},
        "daphne": {"level": "WARNING"},
        "django.server": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
    },
}
