"""What is asked of the machine: ports, many files, and what processes take."""

import os
import resource
import socket
from collections.abc import Iterable
from contextlib import suppress
from ctypes.util import find_library
from pathlib import Path

FILES = 65_536
TICKS = os.sysconf("SC_CLK_TCK")


def raise_file_limit() -> None:
    """Ten thousand sockets need as many descriptors; children inherit the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), max(hard, FILES)))
    except (ValueError, PermissionError):  # not root: as far as one may
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def allocator() -> dict[str, str]:
    """The environment that deploy/ gives the workers, where the library is installed."""
    library = find_library("jemalloc")
    return {"PYTHONMALLOC": "malloc", "LD_PRELOAD": library} if library else {}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    pids = [pid]
    for parent in pids:  # grows as it is walked
        with suppress(OSError):  # it has just ended
            for task in Path(f"/proc/{parent}/task").iterdir():
                with suppress(OSError):  # or this thread of it has
                    pids += map(int, (task / "children").read_text().split())
    return pids


def state(pid: int) -> str:
    """R, S, D: it lives; T: it is stopped; Z: it is dead, and nobody asked; "": it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def dead(pids: Iterable[int]) -> int:
    """How many of them are."""
    return sum(state(pid) in {"", "Z", "X"} for pid in pids)


def cpu_seconds(pid: int) -> float:
    """User and system time of the whole tree, with that of children who have ended; ±10 ms."""
    return sum(_ticks(one) for one in tree(pid)) / TICKS


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime


def waited_for_core(pid: int) -> float:
    """Seconds for which its first thread was ready to run, and the machine ran something else."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except OSError:
        return 0.0


def private_kib(pid: int) -> int:
    """Memory that is the tree's alone: what would be free if it ended."""
    return sum(_private(one) for one in tree(pid))


def _private(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
