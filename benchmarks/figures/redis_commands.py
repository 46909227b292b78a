"""What a message asks of Redis, in a small room and in a large one."""

from benchmarks import peers
from benchmarks.loading import load
from benchmarks.options import Options
from benchmarks.outcome import Figure, Outcome, Table, Told, number
from benchmarks.site import site

ROOMS = (10, 10_000)
PEOPLE = 500
NOISE = 0.25  # beats and leases fall where they fall


def run(options: Options, told: Told) -> Outcome:
    counted = {
        members: _count(members, options, told) for members in (ROOMS[0], options.sockets(ROOMS[1]))
    }
    outcome = Outcome(table=Table(["members", "commands per message", "of which publish"]))
    assert outcome.table
    totals = []
    for members, commands in counted.items():
        total = sum(commands.values())
        totals.append(total)
        publish = commands.get("publish", 0)
        outcome.table.rows.append([f"{members:,}", number(total), number(publish)])
        what = f"Redis commands per message, room of {members:,}"
        one_publish = abs(total - 1) <= NOISE
        outcome.figures.append(
            Figure(what, number(total), aim="1 publish", aim_met=one_publish, met=True)
        )
    same = abs(totals[0] - totals[1]) <= NOISE
    outcome.figures.append(
        Figure("the same number for both", "yes" if same else "no", "yes", met=same)
    )
    outcome.notes.append("Stored messages; what Redis does without any message is taken off.")
    return outcome


def _count(members: int, options: Options, told: Told) -> dict[str, float]:
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
            # Seldom, so that the server's own beats keep their time and can be told apart.
            "per_second": 0.5,
            "seconds": 20,
        }
        return load(job, told)
