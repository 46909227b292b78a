from chatsite.settings import *  # noqa: F403 - the site as it is

ASGI_APPLICATION = "tests.e2e.breakable.application"
