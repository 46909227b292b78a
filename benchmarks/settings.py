"""The site as it is in production, and what the figures need changed, each named here."""

import os
from datetime import timedelta

from chatsite.settings import *  # noqa: F403
from chatsite.settings import SIMPLE_JWT

# A full run takes longer than an access token lives.
SIMPLE_JWT = {**SIMPLE_JWT, "ACCESS_TOKEN_LIFETIME": timedelta(days=1)}
STATIC_ROOT = os.environ["BENCHMARK_STATIC"]
# `serve` collects and compresses at each start: nothing where no page is asked for, and never the
# admin's and the API pages' files, which take a minute.
STATICFILES_FINDERS = (
    ["django.contrib.staticfiles.finders.FileSystemFinder"]
    if os.environ.get("BENCHMARK_PAGES")
    else []
)
# Unset: as the site has it.
if _batch := os.environ.get("BENCHMARK_POST_BATCH"):
    CHAT = {"POST_BATCH": int(_batch)}
