from chatsite.settings import *  # noqa: F403 - the site as it is
from chatsite.settings import MIDDLEWARE as AS_IT_IS

ASGI_APPLICATION = "tests.e2e.watched.application"
# Soon, for tests that wait for it.
REALTIME = {
    "GARBAGE_SOCKETS": 10,
    "SLOW_GRACE": 0.5,
    "SLOW_FAREWELL": 0.2,
}
MIDDLEWARE = ["tests.e2e.early.answer_early", *AS_IT_IS]
