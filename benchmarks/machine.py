"""What the harness asks of the machine: two cores."""

import os
import shutil
import subprocess
from pathlib import Path

SERVER_CORE = 0
LOAD_CORE = 1


def commit(directory: Path = Path(__file__).parent) -> str:
    """What is measured, with a `+` where files differ from it; empty where it cannot be known."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def describe() -> str:
    """The machine in one line, for the report."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**30
    return f"{model}, {os.cpu_count()} cores, {memory} GiB, Linux {os.uname().release}"
