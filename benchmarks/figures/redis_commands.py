"""What a message asks of Redis, in a small room and in a large one."""

from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, number
from benchmarks.site import site

ROOMS = (10, 10_000)
PEOPLE = 500
PER_SECOND = 5  # seldom enough for the server's own beats to keep their time
# As often as presence renews the leases of a room, with two commands a person: once in each window,
# but for one or two whose edge it falls on, and which the median leaves out.
SECONDS = 5.0
NOISE = 0.25  # beats fall where they fall


def run(options: Options, told: Told) -> Outcome:
    counted = {
        members: _count(members, options, told) for members in (ROOMS[0], options.sockets(ROOMS[1]))
    }
    return judged(counted, runs=options.runs)


def judged(counted: dict[int, dict[str, Any]], *, runs: int) -> Outcome:
    """`counted`: what the load's job says, by the number of members."""
    header = ["members", "messages", "commands per message", "of which publish"]
    outcome = Outcome(table=Table(header), runs=runs)
    assert outcome.table
    totals = []
    for members, said in counted.items():
        total = median(sum(one.values()) for one in said["rounds"])
        publish = median(one.get("publish", 0) for one in said["rounds"])
        totals.append(total)
        cells = (members, said["messages"], total, publish)
        outcome.table.rows.append([number(cell) for cell in cells])
        what = f"Redis commands per message, room of {members:,}"
        one_publish = abs(total - 1) <= NOISE and abs(publish - 1) <= NOISE
        outcome.figures.append(Figure(what, number(total), aim="1 publish", aim_met=one_publish))
    same = abs(totals[0] - totals[1]) <= NOISE
    outcome.figures.append(
        Figure("the same number for both", "yes" if same else "no", "yes", met=same)
    )
    outcome.notes.append(
        "Stored messages; what Redis does without any message is taken off. The runs follow one "
        "another on the same sockets."
    )
    return outcome


def _count(members: int, options: Options, told: Told) -> dict[str, Any]:
    with (
        peers.redis() as server,
        site(redis=f"redis://127.0.0.1:{server.port}/0", users=PEOPLE, rooms={"room": {}}) as one,
        one.serve() as ours,
    ):
        job = {
            "kind": "redis",
            "dialect": "message",
            "urls": [one.url(ours, "room")],
            "tokens": one.tokens,
            "members": members,
            "pid": ours.pid,
            "redis": server.port,
            "per_second": PER_SECOND,
            "seconds": SECONDS,
            "rounds": options.runs,
        }
        return load(job, told)
