"""A small disk that can be filled. Needs root, as mounting does."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from soak.services import program

SIZE_MIB = 256  # of memory, once it is filled; half an hour of talk takes a fifth
CHUNK = bytes(64 * 1024)


@contextmanager
def small_disk(at: Path) -> Iterator[Path]:
    at.mkdir()
    mount = [program("mount"), "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(at)]
    subprocess.run(mount, check=True, capture_output=True, timeout=10)  # noqa: S603 - as named here
    try:
        yield at
    finally:
        umount = [program("umount"), "--lazy", str(at)]
        subprocess.run(umount, check=True, capture_output=True, timeout=10)  # noqa: S603 - as above


def try_disk() -> None:
    """Raises what stands in the way of one."""
    with TemporaryDirectory() as directory, small_disk(Path(directory) / "disk"):
        pass


def fill(disk: Path) -> Path:
    """Leave not a byte, down to the last page, until what is returned is removed."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while os.statvfs(disk).f_bavail:
            file.write(CHUNK)
    return ballast
