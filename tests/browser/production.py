"""The site's own settings, with static files collected into a folder of the test's."""

import os

from chatsite.settings import *  # noqa: F403

STATIC_ROOT = os.environ["STATIC_ROOT"]
