"""One reader stops reading: how long it is kept, what it costs, what the others notice."""

from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Told, at_most, number
from benchmarks.site import site

MEMBERS = 20
CLOSED_SECONDS, GROWN_KIB, SLOWER = 12, 1024, 1.1


def run(_options: Options, told: Told) -> Outcome:
    with site(users=MEMBERS + 1, rooms={"room": {}}) as one, one.serve() as server:
        job = {
            "kind": "slow",
            "urls": [one.url(server, "room")],
            "tokens": one.tokens,
            "members": MEMBERS,
            "pid": server.pid,
        }
        seen = load(job, told)
    closed = seen["closed_after"]
    what = "closed after 256 KiB were crossed"
    return Outcome(
        figures=[
            Figure(what, "never", f"≤ {CLOSED_SECONDS} s", met=False)
            if closed is None
            else at_most(what, closed, CLOSED_SECONDS, unit="s"),
            at_most("growth of the process", seen["grown_kib"], GROWN_KIB, unit="KiB"),
            at_most(
                "p99 of the others against before",
                seen["beside_p99_ms"] / seen["alone_p99_ms"],
                SLOWER,
                unit="×",
            ),
            Figure("p99 of the others before", f"{number(seen['alone_p99_ms'])} ms"),
        ]
    )
