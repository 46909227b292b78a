"""Whether the static files have to be collected again.

Compressing all that the admin and the API's pages bring takes a minute, which a restart has not.
"""

from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders

MANIFEST = "staticfiles.json"  # written last


def are_collected() -> bool:
    """Whether no source is newer than what was collected from it."""
    manifest = Path(settings.STATIC_ROOT) / MANIFEST
    if not manifest.exists():
        return False
    collected_at = manifest.stat().st_mtime
    return all(
        Path(storage.path(path)).stat().st_mtime <= collected_at
        for finder in get_finders()
        for path, storage in finder.list([])
    )
