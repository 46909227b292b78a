"""What looking at everything costs: strict decoding, who one is, and whether one may."""

import json
from statistics import median

from benchmarks.doors import FRAME_BYTES
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Told, at_most
from benchmarks.site import site

DECODE_US = 25
HANDSHAKE_QUERIES = 3
ROOM = "room"


def run(options: Options, told: Told) -> Outcome:
    found = []
    with site(users=1, rooms={ROOM: {"members": 1}}) as one:
        for turn in range(options.runs):
            told(f"decoding and counting, run {turn + 1} of {options.runs}")
            found.append(json.loads(one.run("-m", "benchmarks.doors", ROOM)))
    handshakes, frames = found[-1]["handshakes"], found[-1]["frames"]  # counts: each run's are one
    return Outcome(
        runs=options.runs,
        figures=[
            at_most(
                f"strict decoding of a frame of {FRAME_BYTES} bytes",
                median(one["decode_us"] for one in found),
                DECODE_US,
                unit="µs",
            ),
            at_most("queries that a frame's permission adds", max(frames.values()), 0, unit=""),
            *(
                at_most(f"queries of a handshake, {kind}", count, HANDSHAKE_QUERIES, unit="")
                for kind, count in handshakes.items()
            ),
        ],
        notes=[
            "Permission is counted on frames of a member that store nothing ("
            + ", ".join(frames)
            + "): all their queries would be its own. Queries are counted without BEGIN and COMMIT."
        ],
    )
