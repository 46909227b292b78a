"""Asks the doors of a site how they are, each second, in a process that does nothing else.

`python -m soak.probe URL...`, until its standard input ends. The process that plays 5,000 clients
stands still for seconds, and would take its own lateness for the site's.
"""

import json
import sys
import threading
import time
from typing import NamedTuple

from soak.workers import Door

EVERY = 1.0


class Health(NamedTuple):
    """What a door answered; `began` on the machine's monotonic clock, both times in seconds."""

    door: int
    answer: str
    began: float
    took: float


def ask(number: int, door: Door) -> Health:
    began = time.monotonic()
    try:
        answer = str(door.call("GET", "/healthz").status)
    except OSError as error:
        answer = repr(error)
    return Health(number, answer, began, time.monotonic() - began)


def watch(number: int, door: Door) -> None:
    while True:
        # In one write: others write, too.
        sys.stdout.write(json.dumps(ask(number, door)) + "\n")
        sys.stdout.flush()
        time.sleep(EVERY)


if __name__ == "__main__":
    for place, url in enumerate(sys.argv[1:]):
        threading.Thread(target=watch, args=(place, Door(url)), daemon=True).start()
    sys.stdin.read()
