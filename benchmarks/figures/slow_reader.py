"""One reader stops reading: how long it is kept, what it costs, what the others notice."""

from statistics import median
from typing import Any

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most, number
from benchmarks.site import Site, site

MEMBERS = 20
LOGGED = "slow_socket_closed"
CLOSED_SECONDS, GROWN_KIB, SLOWER = 12, 1024, 1.1


def run(options: Options, told: Told) -> Outcome:
    samples = []
    with site(users=MEMBERS + 1, rooms={"room": {}}) as one:
        for turn in range(options.runs):
            told(f"run {turn + 1} of {options.runs}")
            samples.append(_measure(one, told))
    slower = median(sample["beside_p99_ms"] / sample["alone_p99_ms"] for sample in samples)
    alone = median(sample["alone_p99_ms"] for sample in samples)
    grown = median(sample["grown_kib"] for sample in samples)
    return Outcome(
        runs=options.runs,
        figures=[
            closed(samples),
            at_most("growth of the process", grown, GROWN_KIB, unit="KiB"),
            at_most("p99 of the others against before", slower, SLOWER, unit="×"),
            Figure("p99 of the others before", f"{number(alone)} ms"),
        ],
    )


def _measure(one: Site, told: Told) -> dict[str, Any]:
    with one.serve() as server:
        job = {
            "kind": "slow",
            "urls": [one.url(server, "room")],
            "tokens": one.tokens,
            "members": MEMBERS,
            "pid": server.pid,
        }
        return {**load(job, told), "for_slowness": LOGGED in server.log.read_text()}


def closed(samples: list[dict[str, Any]]) -> Figure:
    """In all runs, and for that reason, or it is a miss."""
    what = "closed after 256 KiB were crossed"
    seconds = [sample["closed_after"] for sample in samples]
    if None not in seconds and all(sample["for_slowness"] for sample in samples):
        return at_most(what, median(seconds), CLOSED_SECONDS, unit="s")
    measured = "never" if None in seconds else "closed for another reason than slowness"
    return Figure(what, measured, f"≤ {CLOSED_SECONDS} s", met=False)
