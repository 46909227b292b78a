"""Running a job of benchmarks.load on the load's core."""

import json
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.machine import LOAD_CORE
from benchmarks.process import PYTHON, ROOT


class LoadFailed(Exception):
    """The load saw a delivery go wrong, or could not connect."""


def load(job: dict[str, Any], told: Callable[[str], None]) -> dict[str, Any]:
    process = subprocess.Popen(
        ["taskset", "-c", str(LOAD_CORE), PYTHON, "-m", "benchmarks.load"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdin
        assert process.stdout
        with suppress(BrokenPipeError):  # it has ended already, and says so below
            process.stdin.write(json.dumps(job))
            process.stdin.close()
        for line in process.stdout:
            said = json.loads(line)
            if "result" in said:
                return dict(said["result"])
            if "failure" in said:
                raise LoadFailed(said["failure"])
            told(said["progress"])
        raise LoadFailed("the load ended without a word")
    finally:
        process.kill()
        process.wait()
