import os
from pathlib import Path
from typing import Any

import pytest

from realtime.static import MANIFEST, are_collected


@pytest.fixture
def source(tmp_path: Path, settings: Any) -> Path:
    sources = tmp_path / "sources"
    sources.mkdir()
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.STATICFILES_DIRS = [sources]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    source = sources / "page.css"
    source.touch()
    return source


def test_static_files_are_collected_when_none_were_or_one_is_newer(
    source: Path, settings: Any
) -> None:
    assert not are_collected()
    manifest = settings.STATIC_ROOT / MANIFEST
    manifest.touch()
    assert are_collected()
    later = manifest.stat().st_mtime + 1
    os.utime(source, (later, later))
    assert not are_collected()
