"""The load: a process of its own, spinning on its own core.

Reads a job as JSON from standard input; prints a JSON object per line: `progress`, then `result` or
`failure`.
"""

import json
import sys
from typing import Any

from picows import WSError

from benchmarks.load.jobs import JOBS
from benchmarks.load.sockets import run, spin
from benchmarks.load.tally import Failure
from soak.machine import raise_file_limit


def say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def main() -> None:
    job = json.load(sys.stdin)
    if job.get("spin", True):
        spin()
    try:
        say(result=await JOBS[job["kind"]](job, lambda text: say(progress=text)))
    except (Failure, WSError, OSError, TimeoutError) as error:
        say(failure=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    raise_file_limit()
    run(main)
