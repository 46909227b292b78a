"""The site as it is in production, with the application that knows the soak's faults."""

from chatsite.settings import *  # noqa: F403 - all but what is below

ASGI_APPLICATION = "soak.faulty.application"
STATICFILES_FINDERS: list[str] = []  # no page is asked for, and `serve` collects at each start
