"""From sending to the last of 3,000 members."""

from statistics import median

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Outcome, Table, Told, at_most, number
from benchmarks.site import site

MEMBERS = 3000
MUST_MS, AIM_MS = 150, 60


def run(options: Options, told: Told) -> Outcome:
    members = options.sockets(MEMBERS)
    samples = []
    with site(users=members, rooms={"room": {}}) as one:
        for turn in range(options.runs):
            told(f"run {turn + 1} of {options.runs}")
            with one.serve() as server:
                job = {
                    "kind": "fanout",
                    "dialect": "event",
                    "urls": [one.url(server, "room")],
                    "tokens": one.tokens,
                    "members": members,
                    "pid": server.pid,
                    "windows": [1],
                    "seconds": 4 * options.seconds,
                }
                samples.append(load(job, told)["1"])
    rows = [
        [number(s["p50_ms"]), number(s["p99_ms"]), number(s["cpu_us"]), f"{s['messages']:,.0f}"]
        for s in samples
    ]
    p99 = median(sample["p99_ms"] for sample in samples)
    what = f"p99 from sending to the last of {members:,} members"
    return Outcome(
        runs=options.runs,
        figures=[at_most(what, p99, MUST_MS, AIM_MS, unit="ms")],
        table=Table(["p50 ms", "p99 ms", "µs per delivery", "messages"], rows),
    )
