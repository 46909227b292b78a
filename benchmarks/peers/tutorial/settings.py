"""The project of the Channels tutorial, with DEBUG off."""

import os

SECRET_KEY = "not-a-secret"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
INSTALLED_APPS = [
    "daphne",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
]
ROOT_URLCONF = "benchmarks.peers.tutorial.urls"
ASGI_APPLICATION = "benchmarks.peers.tutorial.asgi.application"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
REDIS_PORT = os.environ.get("TUTORIAL_REDIS_PORT")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [("127.0.0.1", int(REDIS_PORT))]},
    }
    if REDIS_PORT
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
